"""Draws docs/web.png: the page after three pictures were examined, in Debian's Chromium.

    python examples/sample_pictures.py build/samples
    python examples/draw_page.py build/samples docs/web.png

One of the three is a photograph that was smoothed until the model takes it for AI: a false alarm.
"""

import io
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from playwright.sync_api import expect, sync_playwright
from skimage.restoration import denoise_tv_chambolle
from werkzeug.serving import make_server

from aivsreal.files import atomic_write_bytes
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings

OPENED, BESIDE, SMOOTHED = "rocket.jpg", "chelsea.png", "coffee.png"
WINDOW = {"width": 1180, "height": 1490}
COLOURS = 256


def main(samples: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        smoothed = smooth(samples / SMOOTHED, Path(folder) / "coffee-smoothed.png")
        groups = [samples / BESIDE, smoothed], [samples / OPENED]
        picture = photographed(f"http://127.0.0.1:{server.port}/", groups)
        server.shutdown()
        app.extensions["aivsreal"].examiner.close()
    atomic_write_bytes(target, picture)


def smooth(photograph: Path, target: Path) -> Path:
    pixels = np.asarray(Image.open(photograph).convert("RGB")) / 255
    flat = denoise_tv_chambolle(pixels, weight=0.2, channel_axis=-1)
    ImageEnhance.Color(Image.fromarray((255 * flat).astype(np.uint8))).enhance(1.3).save(target)
    return target


def photographed(address: str, groups: Iterable[list[Path]]) -> bytes:
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
        page.goto(address)
        for group in groups:
            page.set_input_files("#file", group)
            expect(page.locator("#queue li")).to_have_count(0, timeout=60_000)
        for _ in range(10):
            page.get_by_label("Heat map").press("ArrowRight")
        page.get_by_role("heading", level=1).click()
        page.wait_for_load_state("networkidle")
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    buffer = io.BytesIO()
    picture.convert("RGB").quantize(COLOURS).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
