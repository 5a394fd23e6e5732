"""Does a camera's full file get the verdict of its web copy? In what time, and in how much memory?

    python benchmarks/full_files.py FOLDER [--least 6] [--model photos]

FOLDER: photographs as cameras leave them, such as wallpapers of Debian's packages. Those of at least so many megapixels are
taken, at their own size up to 12 megapixels (larger ones are made smaller, none is enlarged), and saved as a camera
would: JPEG 95, and HEIC. A web copy is that JPEG with a long side of 2,048 or 1,080 pixels, as JPEG 80. Time is
processor time on one thread; memory is what a process holds at most beyond what it held before the picture, of one
picture of 12 megapixels (Linux only). Writes docs/results/full-files.json.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np

from aivsreal.cli.script import parser_of, run
from aivsreal.detector import Detector
from aivsreal.errors import BadData
from aivsreal.evaluation.intervals import wilson
from aivsreal.files import atomic_write_text
from aivsreal.images import encode, open_picture, resize
from aivsreal.verdict import Verdict

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results" / "full-files.json"
MEGA = 1_000_000
MOST = 12 * MEGA
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic")
WEB_SIDES = (2048, 1080)
FULL, KINDS = "jpeg", ("jpeg", "heic", *(f"web-{side}" for side in WEB_SIDES))


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--least", type=float, default=6, help="megapixels")
    parser.add_argument("--model", help="name or folder of a model (default: the shipped one)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--hold", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.hold:
        print(held_mb(asked.hold, asked.model))
        return
    detector = Detector.load(asked.model, threads=1)
    rows: list[dict[str, dict[str, Any]]] = []
    largest, largest_files = 0, {}
    for name, pixels in full_pictures(asked.folder, asked.least):
        files = deliveries(pixels)
        if pixels.shape[0] * pixels.shape[1] > largest:
            largest, largest_files = pixels.shape[0] * pixels.shape[1], files
        rows.append({kind: judged(detector, file) for kind, file in files.items()})
        print(name, {kind: row["verdict"] for kind, row in rows[-1].items()}, flush=True)
    if not rows:
        raise BadData(
            f"no picture of {asked.least:g} megapixels or more in {asked.folder}", hint="see --least"
        )
    found = {
        "model": detector.bundle.title,
        "n": len(rows),
        "least_megapixels": asked.least,
        "kinds": {kind: summary(rows, kind) for kind in KINDS},
        "memory_megapixels": round(largest / MEGA, 1),
        "memory_mb": {kind: child_mb(asked, largest_files[kind], kind) for kind in ("jpeg", "heic")},
    }
    atomic_write_text(asked.out, json.dumps(found, indent=1) + "\n")


def full_pictures(folder: Path, least: float) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and pixels of each picture of at least so many megapixels, none larger than 12."""
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES):
        pixels = open_picture(path).pixels
        height, width = pixels.shape[:2]
        if height * width < least * MEGA:
            continue
        factor = min(1.0, (MOST / (height * width)) ** 0.5)
        yield path.name, resize(pixels, (int(width * factor), int(height * factor)))


def deliveries(pixels: np.ndarray) -> dict[str, bytes]:
    """Return the files of a picture by kind."""
    jpeg = encode(pixels, format="JPEG", quality=95)
    decoded = open_picture(jpeg).pixels
    return {"jpeg": jpeg, "heic": heic(pixels), **{f"web-{side}": web(decoded, side) for side in WEB_SIDES}}


def heic(pixels: np.ndarray) -> bytes:
    import pillow_heif

    stream = io.BytesIO()
    pillow_heif.from_bytes("RGB", pixels.shape[1::-1], pixels.tobytes()).save(stream, quality=80)
    return stream.getvalue()


def web(pixels: np.ndarray, side: int) -> bytes:
    factor = min(1.0, side / max(pixels.shape[:2]))
    size = round(pixels.shape[1] * factor), round(pixels.shape[0] * factor)
    return encode(resize(pixels, size), format="JPEG", quality=80)


def judged(detector: Detector, file: bytes) -> dict[str, Any]:
    start = process_time()
    verdict: Verdict = detector.predict(file)
    seconds = process_time() - start
    return {"verdict": verdict.verdict, "probability": verdict.probability_ai, "seconds": seconds}


def summary(rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return of one kind of file its answers, its time, and how it compares with the full JPEG."""
    words = [row[kind]["verdict"] for row in rows]
    full = [row[FULL]["verdict"] for row in rows]
    moved = [abs(row[kind]["probability"] - row[FULL]["probability"]) for row in rows]
    return {
        **{word: words.count(word) for word in ("real", "uncertain", "ai")},
        "same": share([word == other for word, other in zip(words, full, strict=True)]),
        "jumps": share([{word, other} == {"ai", "real"} for word, other in zip(words, full, strict=True)]),
        "moved_mean": round(float(np.mean(moved)), 4),
        "moved_most": round(max(moved), 4),
        "ms": round(1000 * median(row[kind]["seconds"] for row in rows)),
    }


def share(hits: list[bool]) -> dict[str, float]:
    value = sum(hits) / len(hits)
    low, high = wilson(value, len(hits))
    return {"value": round(value, 5), "low": round(low, 5), "high": round(high, 5)}


def child_mb(asked: argparse.Namespace, file: bytes, kind: str) -> float:
    """Return what a process of its own says that the file cost it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"full.{kind}"
        path.write_bytes(file)
        command = [sys.executable, __file__, str(asked.folder), "--hold", str(path)]
        if asked.model:
            command += ["--model", asked.model]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(said)


def held_mb(path: Path, model: str | None) -> float:
    """Return how much memory a verdict on the file takes at most beyond what a warm process holds, in MB."""
    detector = Detector.load(model, threads=1)
    detector.predict(encode(np.zeros((64, 64, 3), np.uint8), format="JPEG"))
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = memory_kb("VmRSS")
    detector.predict(path)
    return round((memory_kb("VmHWM") - before) / 1024)


def memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    run(main)
