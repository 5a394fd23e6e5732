"""The same picture delivered again: what nobody would notice, and what must not change a verdict (decision 13).

Pixels in, pixels out, uint8 [h, w, 3]; a detector scores some of these beside the file itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aivsreal.images import Limits, Resample, encode, open_picture, resize

Pixels = NDArray[np.uint8]
DeliveryName = Literal["saved-80", "resized-0.75", "cropped-0.9", "shared"]
# Of what was encoded here: it came through the user's limits before.
OWN_FILES = Limits(max_bytes=2**40, max_pixels=2**40, max_side=2**20)


def scaled(pixels: Pixels, factor: float, *, resample: Resample = "lanczos") -> Pixels:
    """Return the picture at `factor` of its width and height, at least one pixel each."""
    height, width = pixels.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return resize(np.ascontiguousarray(pixels), size, resample=resample)


def middle(pixels: Pixels, share: float) -> Pixels:
    """Return the middle of the picture, this share of each side."""
    height, width = (max(1, round(side * share)) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def saved(pixels: Pixels, quality: int) -> Pixels:
    """Return the picture as a JPEG of this quality, 4:2:0, leaves it."""
    file = encode(np.ascontiguousarray(pixels), format="JPEG", quality=quality, subsampling="4:2:0")
    return open_picture(file, limits=OWN_FILES).pixels


DELIVERIES: Mapping[DeliveryName, Callable[[Pixels], Pixels]] = {
    "saved-80": lambda pixels: saved(pixels, 80),
    "resized-0.75": lambda pixels: scaled(pixels, 0.75),
    "cropped-0.9": lambda pixels: middle(pixels, 0.9),
    "shared": lambda pixels: saved(scaled(middle(pixels, 0.95), 0.75), 75),
}
