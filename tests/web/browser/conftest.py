"""The server as people start it, and Debian's Chromium, which fails a test on whatever a browser complains of.

The model is the tiny one: bright pictures are AI, dark ones real, grey ones cannot be told.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which [dev] brings")
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright  # noqa: E402

from tests.data import draw  # noqa: E402
from tests.web.process import serving  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture(scope="session")
def address(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server started by `aivsreal serve`."""
    with serving(tiny, tmp_path_factory.mktemp("served")) as server:
        yield server.url.rstrip("/")


@pytest.fixture(scope="session")
def unhurried(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that takes one upload in two seconds of a client, and refuses more."""
    data = tmp_path_factory.mktemp("unhurried")
    with serving(tiny, data, AIVSREAL_RATE_LIMIT="1 per 2 seconds") as server:
        yield server.url.rstrip("/")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium of this machine."""
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    # Chromium's sandbox does not run as root, and tests in containers do.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


class Window:
    """A browser window of its own, and what it complained of."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        options = {"viewport": DESK, "base_url": address, **options}
        self.context: BrowserContext = browser.new_context(**options)
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.expected: set[int] = set()
        self.home = urlsplit(address).netloc
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.context.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        # Chromium writes every answer above 399 here; those that a test asks for are no fault.
        foreseen = any(f"status of {status}" in message.text for status in self.expected)
        if message.type in ("error", "warning") and not foreseen:
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("blob", "data") and url.netloc != self.home:
            self.complaints.append(f"a request left the host: {request.url}")


@pytest.fixture
def windows(browser: Browser, address: str) -> Iterator[Any]:
    """Give a function that opens windows; none of them may complain."""
    opened: list[Window] = []

    def open_window(at: str = address, **options: Any) -> Window:
        opened.append(Window(browser, at, **options))
        return opened[-1]

    yield open_window
    for window in opened:
        window.context.close()
    assert [complaint for window in opened for complaint in window.complaints] == []


@pytest.fixture
def window(windows: Any) -> Window:
    """A window of a desktop's size."""
    return windows()  # type: ignore[no-any-return]


@pytest.fixture
def page(window: Window) -> Page:
    """The page in that window."""
    return window.page


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bright, a dark and a grey picture, two that are none, and one bright on its left only."""
    folder = tmp_path_factory.mktemp("pictures")
    light = draw.photo(320, 240, seed=3).astype(float)
    drawn = {"bright": light * 0.2 + 200, "dark": light * 0.2, "grey": light * 0.1 + 115}
    drawn["half"] = drawn["dark"].copy()
    drawn["half"][:, :160] = drawn["bright"][:, :160]
    paths = {
        name: draw.write(folder / f"{name}.jpg", pixels.clip(0, 255).astype("uint8"))
        for name, pixels in drawn.items()
    }
    (folder / "notes.jpg").write_text("no picture")
    (folder / "cut.jpg").write_bytes(paths["bright"].read_bytes()[:600])
    return {**paths, "notes": folder / "notes.jpg", "cut": folder / "cut.jpg"}
