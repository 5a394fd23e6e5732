"""What an operator does in a browser: sign in, look, review, sign out; for everyone, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from aivsreal.bundle import Bundle
from aivsreal.detector import Detector
from aivsreal.living.record import Recorder
from aivsreal.living.remember import remember
from aivsreal.web.store import open_store
from tests.living.towers import drawn_set, red_tower, training_set
from tests.web.browser.conftest import PHONE
from tests.web.browser.test_everyone import tab_to, violations
from tests.web.process import serving

PAGES = (
    "/operator",
    "/operator/monitor",
    "/operator/monitor?from=2026-01-01",
    "/operator/feedback",
    "/operator/feedback?show=apart",
    "/operator/feedback?show=reviewed",
)


@pytest.fixture(scope="session")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A model that calls red pictures AI and remembers what it was judged on."""
    folder = tmp_path_factory.mktemp("tower")
    return remember(red_tower(folder / "tower").folder, training_set(folder / "training"), replayed=40)


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pictures of a new generator, which the model calls real."""
    folder = tmp_path_factory.mktemp("new")
    return [Path(sample.path) for sample in drawn_set(folder, {"blue": 60}, seed=8)]


@pytest.fixture(scope="session")
def open_server(
    tower: Bundle, uploads: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server on this machine for which no key was made, after sixty pictures of a new generator came in."""
    data = tmp_path_factory.mktemp("open")
    recorder, detector = Recorder(data / "records"), Detector(tower, threads=1)
    for place, path in enumerate(uploads):
        when = datetime.now(UTC) - timedelta(hours=len(uploads) - place)
        recorder.write(detector.predict(path), tower, when=when)
    with serving(tower.folder, data, AIVSREAL_KEEP_UPLOADS="true") as server:
        yield server.url.rstrip("/")


@pytest.fixture(scope="session")
def guarded(tower: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server that asks for an operator's key, and the key."""
    data = tmp_path_factory.mktemp("guarded")
    store = open_store(f"sqlite:///{data / 'web.sqlite'}")
    _, key = store.make_key("night shift", operator=True)
    store.close()
    with serving(tower.folder, data, AIVSREAL_KEEP_UPLOADS="true", AIVSREAL_REQUIRE_KEY="true") as server:
        yield server.url.rstrip("/"), key


def said(context: BrowserContext, path: Path, answer: str, remark: str = "", **headers: str) -> None:
    """Let a client upload a picture and say what it is."""
    upload = {"name": path.name, "mimeType": "image/png", "buffer": path.read_bytes()}
    made = context.request.post("/api/v1/images", multipart={"image": upload}, headers=headers).json()
    url = made["images"][0]["url"]
    answered = context.request.post(
        f"{url}/feedback", data={"answer": answer, "remark": remark}, headers=headers
    )
    assert answered.ok


@pytest.fixture
def marked(windows: Any, open_server: str, uploads: list[Path]) -> str:
    """The open server after three people said something, two of them the opposite of the same picture."""
    for path, answer in ((uploads[0], "ai"), (uploads[1], "ai"), (uploads[1], "real")):
        said(windows(open_server).context, path, answer, "seen elsewhere " * 12)
    return open_server


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_operators_pages(
    scheme: str, windows: Any, marked: str, guarded: tuple[str, str]
) -> None:
    window = windows(marked, color_scheme=scheme, reduced_motion="reduce")
    window.expected |= {401, 422}
    found = {}
    for path in PAGES:
        window.page.goto(path)
        found[path] = violations(window.page)
    window.page.goto("/operator/monitor")
    window.page.get_by_text("The same in numbers").click()
    found["numbers"] = violations(window.page)
    strange = windows(guarded[0], color_scheme=scheme)
    strange.expected |= {401}
    for key in (None, "wrong"):
        strange.page.goto("/operator")
        if key:
            strange.page.get_by_label("Operator's key").fill(key)
            strange.page.get_by_role("button", name="Sign in").click()
            expect(strange.page.get_by_role("alert")).to_be_visible()
        found[f"sign in, {key}"] = violations(strange.page)
    assert {where: what for where, what in found.items() if what} == {}


def test_no_operators_page_is_wider_than_a_phone(windows: Any, marked: str) -> None:
    window = windows(marked, viewport=PHONE, has_touch=True, is_mobile=True)
    window.expected |= {422}
    widths = {}
    for path in PAGES:
        window.page.goto(path)
        widths[path] = window.page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in widths.items() if width > PHONE["width"]} == {}


def test_the_alarm_and_its_timelines_are_seen(windows: Any, open_server: str) -> None:
    page = windows(open_server).page
    page.goto("/operator/monitor")
    expect(page.get_by_role("heading", name="Alarm")).to_be_visible()
    curve = page.locator(".curve.real").bounding_box()
    frame = page.locator(".curves").first.bounding_box()
    assert curve is not None
    assert frame is not None
    assert curve["width"] == pytest.approx(frame["width"], rel=0.02)
    page.get_by_label("of those the latest").fill("55")
    page.get_by_role("button", name="Look").click()
    expect(page.get_by_text("55 verdicts")).to_be_visible()
    expect(page.get_by_label("of those the latest")).to_have_value("55")


def test_a_mark_is_accepted_beside_its_picture_by_keyboard(windows: Any, marked: str) -> None:
    page = windows(marked).page
    page.goto("/operator/feedback")
    picture = page.locator(".mark img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 50
    before = page.locator(".mark").count()
    tab_to(page, "button[value=accept]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").and_(page.locator(".standing"))).to_have_text("Accepted.")
    expect(page.locator(".mark")).to_have_count(before - 1)
    page.get_by_role("link", name="Reviewed").click()
    expect(page.locator(".mark").first).to_contain_text("Accepted by")


def test_without_scripts_an_operator_signs_in_reviews_and_signs_out(
    windows: Any, guarded: tuple[str, str], uploads: list[Path]
) -> None:
    address, key = guarded
    window = windows(address, java_script_enabled=False)
    window.expected |= {401}
    said(window.context, uploads[3], "ai", Authorization=f"Bearer {key}")
    page: Page = window.page
    page.goto("/operator/feedback")
    expect(page.get_by_role("heading", level=1)).to_have_text("For the operator")
    page.get_by_label("Operator's key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("tower 1.0.0")
    (cookie,) = [one for one in window.context.cookies() if one["name"] == "aivsreal_operator"]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/operator")
    assert key not in cookie["value"]
    assert key not in page.url

    page.get_by_role("link", name="Feedback", exact=True).click()
    page.get_by_role("button", name="Reject").click()
    page.get_by_role("link", name="Reviewed").click()
    expect(page.locator(".mark")).to_contain_text("Rejected by night shift (key")
    page.get_by_role("button", name="Sign out").click()
    page.goto("/operator")
    expect(page.get_by_role("heading", level=1)).to_have_text("For the operator")
    assert [one["name"] for one in window.context.cookies()] == []
