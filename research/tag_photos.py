"""Tags the real photographs of the `photos` set by what makes them hard, into photo_tags.csv.

python research/tag_photos.py ../shared/data/photos

Each tag is one rule. Measured on the record's own pixels (grey values 0..255):
  dark: the mean grey value is under 60
  night: it is under 30
  grainy: noise of more than 1.5 grey levels where little else is seen (Immerkær 1996); gravel and cloth pass too
  smooth: next to no detail: the 90th percentile of the Laplacian's size is under 6
  colourless: the mean of the largest channel minus the smallest is under 6
Known of the original:
  png, webp, heif: its format
  heavy-jpeg: its JPEG quality was 60 or less
  tiny: its short side was 256 pixels or less
  large: it was 3,000 pixels or more
  phone: the camera's name is that of a phone or tablet, or without a name the origin is a phone
  compact: the camera's name is that of a pocket or bridge camera
  reflex: the camera's name is that of a camera with exchangeable lenses
  drone: the origin is a drone, or the camera is a drone's
  scan: film scans and prints, by origin, by scanner, or from a collection known to be scanned
Known of the collection, looked at:
  press: portraits and events taken for the press, celebrities' portraits of the benchmarks among them
  shop: shops, workshops and products
  low-light: data sets of pictures taken with too little light
ISO and exposure time are not tagged: the originals' EXIF is not in the data. dark, grainy and low-light stand
in for them.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter, laplace

from aivsreal.cli.script import parser_of, run

TABLE = Path(__file__).with_name("photo_tags.csv")

PHONES = re.compile(
    r"iphone|ipad|^samsung (sm-|sch|electronics|gt|sgh)|pixel|huawei|oppo|xiaomi|htc|nokia|jolla|motorola|^lg "
    r"|sony ericsson|^sony ([a-z]\d{4}|sgp)|sharp shl|docomo|orange|kanvas",
    re.IGNORECASE,
)
DRONES = re.compile(r"^dji", re.IGNORECASE)
SCANNERS = re.compile(r"sp-3000|primescan|mg8200", re.IGNORECASE)
REFLEXES = re.compile(
    r"nikon d\d|eos|ilce|dimage 7|pentax k|\*ist|e-m10|nx30|phase one|proback|slt-|alpha", re.IGNORECASE
)
SCANNED = {"kodak", "bsds500", "gfpgan-inputs", "film-futureshape", "film-fymmot"}
PRESS = {
    "celeba-hq",
    "dlib-faces",
    "face-recognition",
    "facenet-pytorch",
    "forensynths-stargan",
    "openface-faces",
    "site-asu-aer",
    "site-fhsd-nagel-journalist-1",
    "site-rossini-castro-imprensajovemmais",
}
SHOPS = {
    "site-1zwq-mgj",
    "site-2ndtimearoundwoodworking-2ndtimearound",
    "site-chamomilexstudio-select-customs",
    "site-dbto1970-morningritualsoap.com",
    "site-gcronin-isp-avrchips",
    "site-leotiunn-inkjetfly.com",
    "site-mf-i-mehta-furniture-interior",
}
LOW_LIGHT = {"forensynths-seeingdark", "kind-lowlight", "retinexnet-lowlight", "zero-dce-lowlight"}

_GRAIN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data", type=Path)
    rows = [
        row
        for file in sorted(parser.parse_args(arguments).data.glob("*.parquet"))
        for row in photographs(file)
    ]
    tagged = sorted((row["sha256"], row["split"], [*measured(row), *known(row)]) for row in rows)
    with TABLE.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["sha256", "tags"])
        table.writerows([sha256, " ".join(tags)] for sha256, _, tags in tagged if tags)
    print_counts(Counter((tag, split) for _, split, tags in tagged for tag in tags))


def photographs(file: Path) -> list[dict[str, Any]]:
    """Return the real records of a parquet file."""
    return [row for row in pq.read_table(file).to_pylist() if row["label"] == "real"]


def measured(row: Mapping[str, Any]) -> list[str]:
    """Return the tags that a record's pixels give."""
    with Image.open(io.BytesIO(row["image"]["bytes"])) as picture:
        pixels = np.asarray(picture.convert("RGB"), np.float32)
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    rules = {
        "dark": grey.mean() < 60,
        "night": grey.mean() < 30,
        "grainy": grain(grey) > 1.5,
        "smooth": np.percentile(np.abs(laplace(grey)), 90) < 6,
        "colourless": np.ptp(pixels, axis=2).mean() < 6,
    }
    return [tag for tag, holds in rules.items() if holds]


def grain(grey: np.ndarray) -> float:
    """Return the standard deviation of a picture's noise in grey levels; 0 where no part of it is plain.

    Immerkær (1996), "Fast Noise Variance Estimation", in those blocks of 16 x 16 pixels that are neither
    clipped nor show anything once blurred: leaves and fur are no grain.
    """
    light, noise = _blocks(grey).mean(1), _blocks(np.abs(convolve(grey, _GRAIN))).mean(1)
    plain = (_blocks(gaussian_filter(grey, 3)).std(1) < 2) & (light > 12) & (light < 243)
    return float(np.median(noise[plain]) * np.sqrt(np.pi / 2) / 6) if plain.sum() >= 8 else 0.0


def _blocks(values: np.ndarray, side: int = 16) -> np.ndarray:
    """Return [n, side * side], an incomplete last row or column of blocks left out."""
    down, across = (n // side for n in values.shape)
    blocks = values[: down * side, : across * side].reshape(down, side, across, side)
    return blocks.transpose(0, 2, 1, 3).reshape(down * across, side * side)


def known(row: Mapping[str, Any]) -> list[str]:
    """Return the tags that a record's columns give."""
    camera, source = row["camera"] or "", row["source"]
    short = min(row["original_width"], row["original_height"])
    phone = bool(PHONES.search(camera)) if camera else row["origin_kind"] == "phone"
    drone = row["origin_kind"] == "drone" or bool(DRONES.search(camera))
    scan = row["origin_kind"] == "scan" or source in SCANNED or bool(SCANNERS.search(camera))
    reflex = bool(REFLEXES.search(camera)) and not (phone or drone or scan)
    rules = {
        "png": row["original_format"] == "PNG",
        "webp": row["original_format"] == "WEBP",
        "heif": row["original_format"] in ("HEIF", "AVIF"),
        "heavy-jpeg": (row["original_quality"] or 100) <= 60,
        "tiny": short <= 256,
        "large": short >= 3000,
        "phone": phone,
        "compact": bool(camera) and not (phone or drone or scan or reflex),
        "reflex": reflex,
        "drone": drone,
        "scan": scan,
        "press": source in PRESS or row["origin_kind"] == "press",
        "shop": source in SHOPS,
        "low-light": source in LOW_LIGHT,
    }
    return [tag for tag, holds in rules.items() if holds]


def print_counts(counts: Mapping[tuple[str, str], int]) -> None:
    """Print how many photographs of each split have each tag."""
    splits = ("train", "val", "test", "unseen")
    print(f"{'tag':<12}" + "".join(f"{split:>8}" for split in splits))
    for tag in sorted({tag for tag, _ in counts}):
        print(f"{tag:<12}" + "".join(f"{counts[tag, split]:>8}" for split in splits))


if __name__ == "__main__":
    run(main)
