"""Records like those of the photos set, with its splits and columns, drawn by code: clouds, and clouds under a pattern."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from aivsreal.data.toy import draw_texture
from aivsreal.images import encode
from tests.data_floor.sets import parquet

KINDS = ("REAL", "stripes", "REAL", "grid")


def drawn_records(path: Path, *, size: int = 64, **counts: int) -> Path:
    """Return `path` after it holds so many records of each split as parquet; every second one is AI."""
    images, rows = [], []
    for split, count in counts.items():
        for number in range(count):
            kind = KINDS[number % 4]
            rng = np.random.default_rng((number, *split.encode()))
            images.append(encode(draw_texture(kind, rng, size=size), format="JPEG", quality=92))
            rows.append(row_of(kind, split, number, images[-1]))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return parquet(path, images, columns.pop("label"), **columns)


def row_of(kind: str, split: str, number: int, image: bytes) -> dict[str, object]:
    real = kind == "REAL"
    photographed = "benchmark" if split == "unseen" and number % 8 == 0 else ("web", "phone")[number % 8 // 4]
    return {
        "label": "real" if real else "ai",
        "split": split,
        "generator": None if real else kind,
        "family": None if real else "diffusion",
        "source": f"camera-{number % 24}" if real else kind,
        "origin_kind": photographed if real else "text-to-image",
        "style": "photo",
        "group": f"{split}-{number}",
        "camera": "Apple iPhone 7" if real else None,
        "original_format": "PNG",
        "original_width": 640,
        "original_height": 480,
        "original_quality": None,
        "scale": 1.0,
        "sha256": hashlib.sha256(image).hexdigest(),
    }
