"""For everyone: by keyboard, with a screen reader, on a phone, in the dark, and without scripts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.web.browser.conftest import PHONE
from tests.web.browser.test_examine import choose

PAGES = ("/", "/about", "/about?ai=20", "/model", "/api")
MISSING = "/images/nothing"


def violations(page: Page) -> list[str]:
    """What axe-core finds, of any impact."""
    found = Axe().run(page).response["violations"]
    return [f"{each['id']} ({each['impact']}): {each['nodes'][0]['html']}" for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(scheme: str, windows: Any, pictures: dict[str, Path]) -> None:
    window = windows(color_scheme=scheme, reduced_motion="reduce")
    window.expected |= {404, 422}
    page = window.page
    page.goto("/")
    found = {"/ empty": violations(page)}
    choose(page, *(pictures[name] for name in ("bright", "dark", "grey", "notes")))
    page.locator("button.open").first.click()
    expect(page.locator(".more")).to_have_count(1)
    found["/ full"] = violations(page)
    for link in page.locator(".row .what a").all():
        detail = window.context.new_page()
        detail.goto(link.get_attribute("href") or "")
        found[detail.title()] = violations(detail)
        detail.close()
    for path in (*PAGES, MISSING):
        page.goto(path)
        found[path] = violations(page)
    assert {where: what for where, what in found.items() if what} == {}


def test_nothing_is_wider_than_a_phone(windows: Any, pictures: dict[str, Path]) -> None:
    window = windows(viewport=PHONE, has_touch=True, is_mobile=True)
    window.expected |= {404, 422}
    page = window.page
    page.goto("/")
    expect(page.get_by_text("Take a picture")).to_be_visible()
    expect(page.locator("#shot")).to_have_attribute("capture", "environment")
    choose(page, pictures["notes"], pictures["grey"])
    page.locator("button.open").first.click()
    expect(page.locator(".more")).to_have_count(1)
    link = page.locator(".row .what a").first.get_attribute("href")
    widths = {"list": page.evaluate("document.documentElement.scrollWidth")}
    for path in (*PAGES, MISSING, link):
        page.goto(path)
        widths[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > PHONE["width"]} == {}


def test_dark_is_dark(windows: Any) -> None:
    light, dark = (windows(color_scheme=scheme).page for scheme in ("light", "dark"))
    shades = []
    for page in (light, dark):
        page.goto("/")
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        shades.append(sum(map(int, re.findall(r"\d+", colour))) / 3)
    assert shades[0] > 200
    assert shades[1] < 40


def test_all_is_done_by_keyboard(page: Page, pictures: dict[str, Path]) -> None:
    page.on("filechooser", lambda chooser: chooser.set_files([pictures["bright"], pictures["dark"]]))
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(2)
    tab_to(page, "button.open")
    page.keyboard.press("Enter")
    expect(page.locator("button.open").first).to_have_attribute("aria-expanded", "true")
    tab_to(page, "input.fade")
    page.keyboard.press("End")
    expect(page.locator(".above")).to_have_css("opacity", "1")
    page.keyboard.press("Shift+Tab")
    expect(page.locator(".remove button").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("button.open")).to_be_focused()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is on such an element."""
    for _ in range(30):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no {selector} is reached by Tab")


def test_a_screen_reader_hears_each_verdict(page: Page, pictures: dict[str, Path]) -> None:
    page.goto("/")
    choose(page, pictures["dark"])
    announcer = page.get_by_role("status").and_(page.locator("#announcer"))
    expect(announcer).to_contain_text("dark.jpg: Likely real")


def test_without_scripts_a_picture_is_examined_noted_and_deleted(
    windows: Any, pictures: dict[str, Path]
) -> None:
    window = windows(java_script_enabled=False)
    page = window.page
    page.goto("/")
    page.set_input_files("#file", pictures["bright"])
    page.get_by_role("button", name="Examine").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Likely AI-generated")
    expect(page.locator(".above")).to_be_visible()
    page.get_by_label("AI", exact=True).check()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".outcome")).to_contain_text("Thank you: noted on")
    page.goto("/")
    page.get_by_label("Real", exact=True).check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#listing")).to_contain_text("None of them fits")
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("button", name="Delete bright.jpg").click()
    expect(page.locator(".empty")).to_be_visible()


def test_without_scripts_a_failure_is_a_page(windows: Any, pictures: dict[str, Path]) -> None:
    window = windows(java_script_enabled=False)
    window.expected |= {400, 422}
    window.page.goto("/")
    window.page.set_input_files("#file", pictures["notes"])
    window.page.get_by_role("button", name="Examine").click()
    expect(window.page.get_by_role("heading", level=1)).to_have_text("This cannot be examined")
    expect(window.page.locator(".lead")).to_contain_text("it seems to be plain text")
