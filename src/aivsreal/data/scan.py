"""One look at every picture of a set: its facts, what it is told apart by, and a hash of what it shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from aivsreal.data.contents import pixel_id_of, threaded
from aivsreal.data.labelled import Sample
from aivsreal.errors import AivsrealError, MissingDependency
from aivsreal.images import Facts, open_picture

# Below this short side pictures of different things share a perceptual hash: at 32 px (CIFAKE) half of all
# "near copies" at 4 bits are different objects of one class.
SMALLEST_HASHED_SIDE = 64
_FLAT_DEVIATION = 2.0  # of 255: a plain surface has no structure that a hash could hold


@dataclass(frozen=True, slots=True)
class Scan:
    """What one look at a picture found.

    content, pixels: SHA-256 of the bytes and of the decoded pixels; "" where there are none
    facts: None where the picture cannot be read, and then `error` says why
    look: perceptual hash (pHash, 64 bits); None for small and for plain pictures
    """

    content: str
    pixels: str
    facts: Facts | None
    look: int | None
    error: str


def scans(samples: tuple[Sample, ...], on_each: Callable[[], None] = lambda: None) -> Iterator[Scan]:
    """Yield a Scan for each sample, in order; pictures are dropped as soon as they were looked at."""
    imagehash = _imagehash()
    for found in threaded(lambda sample: _scan(sample, imagehash), samples):
        on_each()
        yield found


def _scan(sample: Sample, imagehash: ModuleType) -> Scan:
    content = ""
    try:
        data = sample.read()
        content = hashlib.sha256(data).hexdigest()
        picture = open_picture(data)
    except AivsrealError as error:
        return Scan(content, "", None, None, error.reason)
    return Scan(content, pixel_id_of(picture.pixels), picture.facts, _look(picture.pixels, imagehash), "")


def _look(pixels: np.ndarray[Any, np.dtype[np.uint8]], imagehash: ModuleType) -> int | None:
    """Return the pHash (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010)."""
    from PIL import Image

    if min(pixels.shape[:2]) < SMALLEST_HASHED_SIDE:
        return None
    small = Image.fromarray(pixels).convert("L").resize((64, 64), Image.Resampling.BOX)
    if np.asarray(small, dtype=np.float32).std() < _FLAT_DEVIATION:
        return None
    bits = imagehash.phash(small).hash
    return int.from_bytes(np.packbits(bits.ravel()).tobytes(), "big")


def _imagehash() -> ModuleType:
    try:
        import imagehash
    except ImportError as error:
        raise MissingDependency(
            "finding near copies needs imagehash", hint="pip install 'aivsreal[train]'"
        ) from error
    return imagehash
