"""What happens to a picture on its way to a user, done to every picture of a set alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from aivsreal import images

ALIGNED_SIDE = 256
ALIGNED_QUALITY = 80


def align(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Return the `aligned` file of a picture: short side 256, JPEG quality 80, 4:2:0.

    Formats, sizes and qualities of the two classes differ in most sets, and tell them apart without a look at
    the content; after this they do not. A picture whose short side is 256 or less keeps its size.
    pixels: uint8 [h, w, 3]
    """
    height, width = pixels.shape[:2]
    shrink = ALIGNED_SIDE / min(height, width)
    if shrink < 1:
        pixels = images.resize(pixels, (max(1, round(width * shrink)), max(1, round(height * shrink))))
    data: bytes = images.encode(pixels, format="JPEG", quality=ALIGNED_QUALITY, subsampling="4:2:0")
    return data
