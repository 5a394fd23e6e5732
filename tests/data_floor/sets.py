"""Small labelled sets drawn by code, in the forms in which people keep theirs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aivsreal.images import encode


def picture(seed: int, *, width: int = 96, height: int = 80, format: str = "PNG", quality: int = 90) -> bytes:
    """Return a file of smooth blobs that no other seed draws, different enough to look different."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 96
    light = sum(
        rng.uniform(20, 60)
        * np.sin(2 * np.pi * (rng.uniform(-3, 3) * x + rng.uniform(-3, 3) * y) + rng.uniform(0, 6))
        for _ in range(6)
    )
    pixels = np.clip(128 + light[..., None] + rng.uniform(-20, 20, 3), 0, 255).astype(np.uint8)
    return encode(pixels, format=format, quality=quality)


def tree(root: Path, *paths: str, data: bytes | None = None) -> Path:
    """Return `root` after a picture of its own stands at each path below it."""
    for number, path in enumerate(paths):
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data or picture(hash_of(path) + number))
    return root


def hash_of(text: str) -> int:
    return sum(ord(c) * (i + 1) for i, c in enumerate(text))


def parquet(
    path: Path,
    images: Sequence[bytes],
    labels: Sequence[Any],
    *,
    names: Sequence[str] | None = None,
    row_group_size: int = 2,
    **columns: Sequence[Any],
) -> Path:
    """Return `path` after it holds the images by the Hugging Face convention; `names` makes a ClassLabel."""
    table = pa.table(
        {"image": [{"bytes": data, "path": None} for data in images], "label": labels, **columns}
    )
    if names:
        features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size)
    return path
