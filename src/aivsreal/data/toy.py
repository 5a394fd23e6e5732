"""A labelled set drawn by code: two kinds of texture that a tiny network tells apart in seconds.

For trying a pipeline end to end without any data. "Real" pictures are clouds of smooth colour under grain;
"AI" pictures are the same clouds under a faint regular pattern, as upsampling leaves it: stripes from one
"generator", a grid from the other. Grain and pattern have the same strength, and size, aspect, file format
and quality are drawn without a look at the label, so nothing but the texture tells the classes apart:
that, and what follows from it (a regular pattern compresses better than grain, so its files are smaller).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from aivsreal.files import atomic_folder
from aivsreal.images import encode

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
Field = np.ndarray[Any, np.dtype[np.float64]]
GENERATORS = ("stripes", "grid")
_CONTRAST = 22.0  # standard deviation of grain and pattern, of 255; survives JPEG at quality 75


def draw_toy_set(folder: str | Path, *, n: int = 160, seed: int = 0, size: int = 64) -> Path:
    """Return `folder` after a tree of `n` training and `n // 2` test pictures stands there, half of them AI.

    The tree is train/REAL/*, train/FAKE/GENERATOR/*, test/REAL/*, test/FAKE/GENERATOR/*; a picture's short
    side is `size`. The same arguments draw the same files. Raises: CannotWrite.
    """
    rng = np.random.default_rng(seed)
    with atomic_folder(folder) as root:
        for split, count in (("train", n), ("test", n // 2)):
            for number in range(count):
                below = "REAL" if number % 2 == 0 else f"FAKE/{GENERATORS[number // 2 % 2]}"
                data, suffix = _saved(draw_texture(below.rpartition("/")[2], rng, size=size), rng)
                place = root / split / below
                place.mkdir(parents=True, exist_ok=True)
                (place / f"{number:05d}{suffix}").write_bytes(data)
    return Path(folder)


def draw_texture(kind: str, rng: np.random.Generator, *, size: int = 64) -> Pixels:
    """Return uint8 [h, w, 3] with a short side of `size`: "REAL", "stripes" or "grid"."""
    long_side = int(size * rng.uniform(1.0, 1.5))
    height, width = (size, long_side) if rng.random() < 0.5 else (long_side, size)
    clouds = _clouds(rng, height, width)
    match kind:
        case "stripes":
            pattern = _waves(rng, height, width)
        case "grid":
            pattern = (_waves(rng, height, width) + _waves(rng, height, width)) / np.sqrt(2)
        case _:
            pattern = _grain(rng, height, width)
    pixels = clouds + _CONTRAST * pattern[..., None]
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, height: int, width: int) -> Field:
    """Return float [h, w, 3] around 128: a few broad waves of random direction in each colour."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    total = np.zeros((height, width, 3))
    for _ in range(4):
        angle, cycles = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 2.0)
        phase, colour = rng.uniform(0, 2 * np.pi, 3), rng.uniform(5, 25, 3)
        along = x * np.cos(angle) + y * np.sin(angle)
        total += colour * np.sin(2 * np.pi * cycles * along[..., None] + phase)
    return 128 + rng.uniform(-25, 25, 3) + total


def _waves(rng: np.random.Generator, height: int, width: int) -> Field:
    """Return float [h, w] of standard deviation 1: a wave with a period of 5 to 9 pixels."""
    y, x = np.mgrid[:height, :width]
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 9)
    along = x * np.cos(angle) + y * np.sin(angle)
    wave = np.sin(2 * np.pi * along / period + rng.uniform(0, 2 * np.pi))
    return np.asarray(np.sqrt(2) * wave)


def _grain(rng: np.random.Generator, height: int, width: int) -> Field:
    """Return float [h, w] of standard deviation 1: noise blurred to the waves' scale, as JPEG keeps it."""
    noise = rng.standard_normal((height + 2, width + 2))
    blurred = sum(noise[dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3))
    return np.asarray(blurred / np.std(blurred))


def _saved(pixels: Pixels, rng: np.random.Generator) -> tuple[bytes, str]:
    """Return the picture as a file, PNG or JPEG of some quality, whatever its label."""
    if rng.random() < 0.5:
        return encode(pixels, format="PNG"), ".png"
    return encode(pixels, format="JPEG", quality=int(rng.integers(75, 96)), subsampling="4:2:0"), ".jpg"
