"""Screenshots of photographs: a photograph in a drawn browser window, telephone or viewer, as a parquet.

python research/screens.py ../shared/data/photos --split val --out ../runs/drawings/screens.parquet

A photograph that somebody took a screenshot of is still a photograph, but resampled by a screen's scale, with
letters and frames around it. Each picture of the split gives one, drawn by its SHA-256; benchmarks' small
pictures are left out.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont
from records import as_jpeg, rng_of, write_parquet

from aivsreal.cli.script import parser_of, run

FONT = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
# A page's zoom and a screen's pixel ratio, as a photograph is seen at.
ZOOM = 0.75, 1.5
WORDS = ("Home", "Photos", "Albums", "Search", "Shared", "Today", "Edit", "Comments", "Like", "Reply", "Save")


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--out", type=Path, required=True, help="a parquet outside the checkout")
    options = parser.parse_args(arguments)
    rows = [row for file in sorted(options.data.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]
    chosen = [
        row
        for row in rows
        if row["label"] == "real" and row["split"] == options.split and row["origin_kind"] != "benchmark"
    ]
    write_parquet(options.out, [screen_row(row) for row in chosen])
    print(f"{len(chosen):,} screenshots of photographs")


def screen_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a photograph's screenshot; it keeps the photograph's origin and group."""
    with Image.open(io.BytesIO(row["image"]["bytes"])) as photograph:
        screen, scale = screenshot(photograph.convert("RGB"), rng_of(row["sha256"]))
    name = f"{row['split']}/screens/{row['sha256'][:16]}.jpg"
    changed = {"kind": "screen", "origin_kind": "screenshot", "style": "photo", "scale": scale}
    return {**row, **changed, "jpeg": as_jpeg(screen), "name": name}


def screenshot(photograph: Image.Image, rng: np.random.Generator) -> tuple[Image.Image, float]:
    """Return an RGB picture of a window that shows the photograph, and the photograph's scale in it."""
    scale = float(rng.uniform(*ZOOM))
    size = round(photograph.width * scale), round(photograph.height * scale)
    shown = photograph.resize(size, Image.Resampling.BILINEAR)
    frame = FRAMES[int(rng.integers(len(FRAMES)))]
    return frame(shown, rng), scale


def browser(shown: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a browser's window: a bar with an address, a page with text beside and below."""
    page = Image.new("RGB", (shown.width + int(rng.integers(40, 260)), shown.height + 190), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, 70), fill=(222, 225, 230))
    for i, colour in enumerate(((255, 95, 87), (254, 188, 46), (40, 200, 64))):
        draw.ellipse((12 + i * 20, 12, 24 + i * 20, 24), fill=colour)
    draw.rounded_rectangle((20, 36, page.width - 20, 62), 12, fill="white")
    draw.text(
        (34, 40), f"https://www.example.org/{_words(rng, 1).lower()}", font=_font(14), fill=(60, 64, 67)
    )
    page.paste(shown, (20, 90))
    for top in range(90, page.height - 30, 26):
        draw.text((shown.width + 34, top), _words(rng, 2), font=_font(14), fill=(26, 13, 171))
    draw.text((20, shown.height + 104), _words(rng, 7), font=_font(18), fill=(32, 33, 36))
    draw.text((20, shown.height + 140), _words(rng, 9), font=_font(13), fill=(95, 99, 104))
    return page


def telephone(shown: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a telephone's screen: a clock, the photograph from edge to edge, signs below it."""
    dark = bool(rng.integers(2))
    ground, ink = ((0, 0, 0), (255, 255, 255)) if dark else ((255, 255, 255), (20, 20, 20))
    page = Image.new("RGB", (shown.width, shown.height + 300), ground)
    draw = ImageDraw.Draw(page)
    draw.text((18, 10), f"{rng.integers(24)}:{rng.integers(60):02}", font=_font(18), fill=ink)
    draw.rectangle((page.width - 52, 14, page.width - 22, 28), outline=ink, width=2)
    draw.text((18, 60), _words(rng, 2), font=_font(22), fill=ink)
    page.paste(shown, (0, 110))
    for i in range(4):
        left = 24 + i * page.width // 4
        draw.ellipse((left, shown.height + 130, left + 32, shown.height + 162), outline=ink, width=3)
    draw.text((18, shown.height + 185), _words(rng, 4), font=_font(16), fill=ink)
    draw.rounded_rectangle(
        (page.width // 3, page.height - 16, page.width * 2 // 3, page.height - 10), 3, fill=ink
    )
    return page


def viewer(shown: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return an image viewer: a title, a menu, dark ground around the photograph, a row of small ones."""
    across, down = (int(rng.integers(20, 90)) for _ in range(2))
    page = Image.new("RGB", (shown.width + 2 * across, shown.height + 2 * down + 130), (43, 43, 43))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, page.width, 30), fill=(60, 63, 65))
    draw.text((10, 6), f"IMG_{rng.integers(10000):04}.JPG", font=_font(14), fill=(220, 220, 220))
    draw.text((10, 34), _words(rng, 5), font=_font(13), fill=(190, 190, 190))
    page.paste(shown, (across, down + 56))
    for left in range(10, page.width - 60, 66):
        top = page.height - 60
        draw.rectangle((left, top, left + 56, top + 46), fill=tuple(rng.integers(40, 200, 3).tolist()))
    return page


def _words(rng: np.random.Generator, n: int) -> str:
    return " ".join(WORDS[i] for i in rng.integers(len(WORDS), size=n))


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONT), size)


FRAMES: tuple[Callable[[Image.Image, np.random.Generator], Image.Image], ...] = (browser, telephone, viewer)


if __name__ == "__main__":
    run(main)
