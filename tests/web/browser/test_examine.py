"""What a fact-checker does all day: drop, look, compare, note, export, delete."""

from __future__ import annotations

import base64
import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.web.browser.conftest import Window
from tests.web.process import serving

WORDS = {"bright": "Likely AI-generated", "dark": "Likely real", "grey": "Cannot tell"}
CARRY = """files => {
  const carried = new DataTransfer();
  for (const [name, data] of files)
    carried.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, {type: "image/jpeg"}));
  return carried;
}"""


def carried(page: Page, paths: list[Path]) -> object:
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    return page.evaluate_handle(CARRY, files)


def choose(page: Page, *paths: Path) -> None:
    page.set_input_files("#file", list(paths))
    expect(page.locator("#queue li:not(.failed)")).to_have_count(0)


def row_of(page: Page, path: Path) -> Locator:
    return page.locator(".row", has_text=path.name)


@pytest.fixture
def home(page: Page) -> Page:
    page.goto("/")
    return page


@pytest.fixture
def three(home: Page, pictures: dict[str, Path]) -> Page:
    """The page after a bright, a dark and a grey picture were examined."""
    choose(home, pictures["bright"], pictures["dark"], pictures["grey"])
    expect(home.locator(".row")).to_have_count(3)
    home.wait_for_load_state("networkidle")
    return home


def test_three_dropped_files_get_three_verdicts(home: Page, pictures: dict[str, Path]) -> None:
    dropped = [pictures[name] for name in WORDS]
    home.dispatch_event("main", "drop", {"dataTransfer": carried(home, dropped)})
    for name, words in WORDS.items():
        expect(row_of(home, pictures[name]).get_by_role("heading")).to_have_text(words)
    expect(home.locator("#counts")).to_have_text(
        "3 pictures: 1 likely AI-generated, 1 likely real, 1 cannot tell"
    )


def test_dragging_files_over_the_page_shows_where_they_go(home: Page, pictures: dict[str, Path]) -> None:
    files = carried(home, [pictures["dark"]])
    home.dispatch_event("main", "dragenter", {"dataTransfer": files})
    expect(home.locator("body")).to_have_class("dropping")
    home.dispatch_event("main", "dragleave", {"dataTransfer": files})
    expect(home.locator("body")).to_have_class("")


@pytest.fixture
def folder(pictures: dict[str, Path], tmp_path: Path) -> Path:
    """A folder of two pictures, one of them deeper, and three files that are not taken."""
    below = tmp_path / "case" / "a" / "below"
    below.mkdir(parents=True)
    shutil.copy(pictures["bright"], below / "deep.JPG")
    shutil.copy(pictures["dark"], tmp_path / "case" / "b.jpg")
    shutil.copy(pictures["dark"], tmp_path / "case" / ".hidden.jpg")
    (tmp_path / "case" / "notes.txt").write_text("no picture")
    (tmp_path / "case" / "jpg").write_text("no suffix")
    return tmp_path / "case"


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders as a file manager does, which no script can."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for type in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": type, "x": 200, "y": 200, "data": data})


def test_of_a_dropped_folder_every_picture_is_examined(
    home: Page, folder: Path, pictures: dict[str, Path]
) -> None:
    drop(home, folder, pictures["grey"])
    expect(home.locator(".row .what a")).to_have_count(3)
    for name, words in {"deep.JPG": "ai", "b.jpg": "real", "grey.jpg": "uncertain"}.items():
        expect(home.locator(".row", has_text=name)).to_have_attribute("data-word", words)
    expect(home.locator("#queue li")).to_have_count(0)


def test_of_a_folder_of_many_none_is_left_out(window: Window, home: Page, tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number:03}.jpg").write_bytes(b"")
    home.route("**/api/v1/images?*", lambda route: route.abort())
    drop(home, tmp_path)
    expect(home.locator("#queue .failed")).to_have_count(150)
    expect(home.locator("#queue .name").last).to_have_text("149.jpg")
    window.complaints = [said for said in window.complaints if "ERR_FAILED" not in said]


def test_a_folder_without_pictures_is_told(home: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    drop(home, tmp_path)
    expect(home.locator("#queue .failed")).to_contain_text(tmp_path.name)
    expect(home.locator("#queue .state")).to_contain_text("There is no picture in this folder.")


def test_a_pasted_picture_is_examined(home: Page, pictures: dict[str, Path]) -> None:
    home.evaluate(
        "files => document.dispatchEvent(new ClipboardEvent('paste', {clipboardData: files, bubbles: true}))",
        carried(home, [pictures["dark"]]),
    )
    expect(row_of(home, pictures["dark"]).locator("h3")).to_have_text("Likely real")


def test_a_single_picture_is_shown_open_and_its_heat_map_fades(home: Page, pictures: dict[str, Path]) -> None:
    choose(home, pictures["half"])
    slider = home.get_by_label("Heat map")
    above = home.locator(".light-table .above")
    expect(above).to_have_css("opacity", "0")
    slider.press("ArrowRight")
    expect(above).to_have_css("opacity", "0.05")
    slider.press("End")
    expect(above).to_have_css("opacity", "1")
    expect(slider).to_have_attribute("aria-valuetext", "100 %")
    for picture in home.locator(".light-table img").all():
        expect(picture).not_to_have_js_property("naturalWidth", 0)


def test_the_heat_map_is_told_in_words(home: Page, pictures: dict[str, Path]) -> None:
    choose(home, pictures["half"])
    said = "The upper left, middle left and lower left regions speak for AI."
    expect(home.locator(".where")).to_contain_text(said)
    expect(home.locator(".above")).to_have_attribute("alt", re.compile(re.escape(said)))


def test_the_list_survives_a_reload_and_each_picture_has_its_link(
    three: Page, pictures: dict[str, Path]
) -> None:
    three.reload()
    expect(three.locator(".row")).to_have_count(3)
    row_of(three, pictures["bright"]).get_by_role("link", name="bright.jpg").click()
    expect(three.get_by_role("heading", level=1)).to_have_text("Likely AI-generated")
    expect(three.locator(".says")).to_contain_text("It is bright.")
    expect(three.locator(".facts")).to_contain_text("320 x 240 pixels")
    expect(three.locator(".facts")).to_contain_text("tiny 1.0.0")
    expect(three.locator("#citation")).to_contain_text("SHA-256")


def test_what_is_no_picture_is_explained_and_the_others_go_on(
    window: Window, home: Page, pictures: dict[str, Path]
) -> None:
    window.expected.add(422)
    choose(home, pictures["notes"], pictures["cut"], pictures["dark"])
    expect(row_of(home, pictures["dark"]).get_by_role("heading")).to_have_text("Likely real")
    failed = home.locator("#queue .failed")
    expect(failed).to_have_count(2)
    expect(failed.filter(has_text="notes.jpg").locator(".state")).to_contain_text("it seems to be plain text")
    failed.filter(has_text="notes.jpg").get_by_role("button", name="Dismiss").click()
    expect(failed).to_have_count(1)
    failed.get_by_role("button", name="Try again").click()
    expect(failed).to_have_count(1)


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(home: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.jpg"
    with large.open("wb") as stream:
        stream.truncate(60 * 2**20)
    home.set_input_files("#file", large)
    expect(home.locator("#queue .state")).to_have_text("This file is larger than 50 MB. Save it smaller.")


@pytest.fixture
def refused(windows: Any, unhurried: str, pictures: dict[str, Path]) -> Page:
    """The page after three files were given to a server that takes one of them now."""
    window = windows(unhurried)
    window.expected.add(429)
    window.page.goto("/")
    window.page.set_input_files("#file", [pictures[name] for name in WORDS])
    expect(window.page.locator("#queue")).to_contain_text("The server is busy; trying again in")
    return window.page  # type: ignore[no-any-return]


def test_a_server_that_asks_to_wait_is_asked_again(refused: Page) -> None:
    expect(refused.locator(".row h3")).to_have_count(len(WORDS), timeout=30_000)
    expect(refused.locator("#queue li")).to_have_count(0)


def test_what_waits_can_be_cancelled(refused: Page, pictures: dict[str, Path]) -> None:
    refused.set_input_files("#file", [pictures[name] for name in ("half", *WORDS)])
    waiting = refused.locator("#queue li", has_text="Waiting for its turn")
    expect(waiting).not_to_have_count(0)
    refused.get_by_role("button", name="Cancel the rest").click()
    expect(waiting).to_have_count(0)
    expect(refused.get_by_role("button", name="Cancel the rest")).to_be_hidden()


def test_a_server_that_is_gone_is_said_to_be(window: Window, home: Page, pictures: dict[str, Path]) -> None:
    window.context.set_offline(True)
    home.set_input_files("#file", pictures["dark"])
    expect(home.locator("#queue .state")).to_contain_text("the server cannot be reached")
    window.context.set_offline(False)
    home.get_by_role("button", name="Try again").click()
    expect(row_of(home, pictures["dark"])).to_have_count(1)
    window.complaints = [said for said in window.complaints if "ERR_INTERNET_DISCONNECTED" not in said]


def test_the_list_is_filtered_sorted_and_searched(three: Page) -> None:
    names = three.locator(".row .what a")
    three.get_by_label("Sort by").select_option("most-ai")
    expect(names).to_have_text(["bright.jpg", "grey.jpg", "dark.jpg"])
    three.get_by_label("File name contains").fill("R")
    expect(names).to_have_text(["bright.jpg", "grey.jpg", "dark.jpg"])
    three.get_by_label("File name contains").fill("gr")
    expect(names).to_have_text(["grey.jpg"])
    three.reload()
    expect(names).to_have_text(["grey.jpg"])
    three.get_by_label("File name contains").fill("")
    three.get_by_label("Real", exact=True).check(force=True)
    expect(names).to_have_text(["dark.jpg"])
    expect(three.locator("#counts")).to_contain_text("1 shown here")
    expect(three).to_have_url(re.compile("verdict=real"))


def test_the_list_is_exported(three: Page, tmp_path: Path) -> None:
    with three.expect_download() as as_json:
        three.get_by_role("link", name="Export JSON").click()
    as_json.value.save_as(tmp_path / "list.json")
    images = json.loads((tmp_path / "list.json").read_text("utf-8"))["images"]
    assert sorted(image["verdict"] for image in images) == ["ai", "real", "uncertain"]
    with three.expect_download() as as_csv:
        three.get_by_role("link", name="Export CSV").click()
    as_csv.value.save_as(tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sorted(row["name"] for row in rows) == ["bright.jpg", "dark.jpg", "grey.jpg"]


def test_what_a_person_says_of_a_verdict_is_kept(three: Page, pictures: dict[str, Path]) -> None:
    row_of(three, pictures["grey"]).get_by_role("link", name="grey.jpg").click()
    three.get_by_label("Real", exact=True).check()
    three.get_by_label("Remark, if you like").fill("I took it <b>myself</b>")
    three.get_by_role("button", name="Send").click()
    expect(three.locator(".outcome")).to_have_text("Thank you: noted. You can change it.")
    three.reload()
    expect(three.get_by_label("Real", exact=True)).to_be_checked()
    expect(three.get_by_label("Remark, if you like")).to_have_value("I took it <b>myself</b>")


def test_one_is_deleted_and_then_all(three: Page, pictures: dict[str, Path]) -> None:
    row_of(three, pictures["dark"]).get_by_role("button", name="Delete").click()
    expect(three.locator(".row")).to_have_count(2)
    expect(three.locator("#counts")).to_contain_text("2 pictures")
    three.get_by_text("Delete all", exact=True).click()
    three.get_by_role("button", name="Yes, delete all").click()
    expect(three.locator(".empty")).to_contain_text("Nothing has been examined in this browser yet.")
    three.reload()
    expect(three.locator(".row")).to_have_count(0)


def test_another_browser_sees_none_of_it(
    three: Page, windows: type[Window], pictures: dict[str, Path]
) -> None:
    link = row_of(three, pictures["bright"]).get_by_role("link", name="bright.jpg").get_attribute("href")
    other = windows()
    other.expected.add(404)
    other.page.goto("/")
    expect(other.page.locator(".row")).to_have_count(0)
    assert link is not None
    other.page.goto(link)
    expect(other.page.get_by_role("heading", level=1)).to_have_text("Not here")


def test_a_name_is_shown_as_text_whatever_it_holds(home: Page, pictures: dict[str, Path]) -> None:
    name = '"><img src=x onerror=alert(1)>.jpg'
    home.set_input_files(
        "#file", {"name": name, "mimeType": "image/jpeg", "buffer": pictures["dark"].read_bytes()}
    )
    expect(home.locator(".row .what a")).to_have_text(name)


def test_behind_a_proxy_that_adds_a_prefix_the_page_works(
    windows: Any, tiny: Path, tmp_path: Path, pictures: dict[str, Path]
) -> None:
    def take_off(route: Route) -> None:
        headers = {**route.request.headers, "x-forwarded-prefix": "/desk"}
        route.continue_(url=route.request.url.replace("/desk/", "/", 1), headers=headers)

    with serving(tiny, tmp_path / "data", AIVSREAL_PROXIES=1) as server:
        window = windows(server.url.rstrip("/"))
        window.expected.add(404)
        page = window.page
        page.route("**/desk/**", take_off)
        page.route(lambda url: "/desk/" not in url, lambda route: route.fulfill(status=404))
        page.goto("/desk/")
        choose(page, pictures["bright"])
        expect(page.locator(".more")).to_have_count(1)
        page.get_by_text("Was this right?").click()
        page.get_by_label("AI", exact=True).last.check()
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".outcome")).to_have_text("Thank you: noted. You can change it.")
        page.get_by_label("File name contains").fill("bri")
        expect(page).to_have_url(re.compile("/desk/.*name=bri"))
        page.get_by_role("button", name="Delete bright.jpg").click()
        expect(page.locator(".row")).to_have_count(0)
