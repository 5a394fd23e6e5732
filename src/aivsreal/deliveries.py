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
WornName = Literal["aligned", "web", "hard"]
ALIGNED_SIDE, ALIGNED_QUALITY = 256, 80
_HARD_SIDE = 128
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


def jpeg(pixels: Pixels, quality: int) -> bytes:
    """Return a JPEG of this quality, 4:2:0."""
    return encode(np.ascontiguousarray(pixels), format="JPEG", quality=quality, subsampling="4:2:0")


def decoded(file: bytes) -> Pixels:
    """Return the pixels of a file that was just encoded here, which no limit needs to guard."""
    return open_picture(file, limits=OWN_FILES).pixels


def saved(pixels: Pixels, quality: int) -> Pixels:
    """Return the picture as a JPEG of this quality, 4:2:0, leaves it."""
    return decoded(jpeg(pixels, quality))


def align(pixels: Pixels) -> bytes:
    """Return the `aligned` file of a picture: short side 256, JPEG quality 80, 4:2:0.

    Formats, sizes and qualities of the two classes differ in most sets, and tell them apart without a look at
    the content; after this they do not. A picture whose short side is 256 or less keeps its size.
    """
    return jpeg(scaled(pixels, min(1.0, ALIGNED_SIDE / min(pixels.shape[:2]))), ALIGNED_QUALITY)


def web(pixels: Pixels) -> bytes:
    """Return what a social network makes of a picture once: 0.75 of its size (Lanczos), JPEG 70, 4:2:0."""
    return jpeg(scaled(pixels, 0.75), 70)


def hard(pixels: Pixels) -> bytes:
    """Return a picture that has been around: the middle 80 %, half its size, JPEG 50, then JPEG 75.

    The short side does not shrink below 128 pixels, and nothing is enlarged.
    """
    kept = middle(pixels, 0.8)
    small = scaled(kept, min(1.0, max(0.5, _HARD_SIDE / min(kept.shape[:2]))))
    return jpeg(saved(small, 50), 75)


DELIVERIES: Mapping[DeliveryName, Callable[[Pixels], Pixels]] = {
    "saved-80": lambda pixels: saved(pixels, 80),
    "resized-0.75": lambda pixels: scaled(pixels, 0.75),
    "cropped-0.9": lambda pixels: middle(pixels, 0.9),
    "shared": lambda pixels: saved(scaled(middle(pixels, 0.95), 0.75), 75),
}

# The files on which measurements are reported, and which a model should know from its training.
WORN: Mapping[WornName, Callable[[Pixels], bytes]] = {"aligned": align, "web": web, "hard": hard}
