"""A heat map laid over its picture: what speaks for AI in light amber, what speaks for real in dark blue.

The two differ in lightness as well as in hue, so that they can be told apart in grey and by the colour-blind.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aivsreal.images import Limits, Source, encode, open_picture, resize

AI_COLOUR = np.array([255, 182, 0], np.float32)
REAL_COLOUR = np.array([0, 48, 110], np.float32)
STRONGEST = 0.7
# Log-odds that are tinted in full: those of the strongest place, but never weaker ones than these (95 %). A sure
# verdict lies far above at every place, and probabilities would paint all of it alike.
FULL = 3.0
# Long side of an overlay: large enough to look at, small enough to keep memory flat on any picture.
OVERLAY_SIDE = 1600


def overlay(pixels: NDArray[np.uint8], heatmap: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the greyed picture, uint8 [h, w, 3], tinted by `heatmap`, float32 of any shape in log-odds.

    The tint is the fuller the stronger a place speaks beside the strongest of the same picture.
    """
    height, width = pixels.shape[:2]
    says = _enlarged(heatmap, (width, height))[..., None]
    strength = STRONGEST * np.abs(says)
    colour = np.where(says > 0, AI_COLOUR, REAL_COLOUR)
    grey = pixels.astype(np.float32).mean(axis=2, keepdims=True)
    tinted: NDArray[np.uint8] = np.round(grey * (1 - strength) + colour * strength).astype(np.uint8)
    return tinted


def overlay_png(source: Source, heatmap: NDArray[np.float32], *, limits: Limits | None = None) -> bytes:
    """Return the overlay of a picture by its path or bytes as PNG, at most OVERLAY_SIDE long.

    Raises: UnreadableImage.
    """
    pixels = open_picture(source, limits=limits or Limits(), short_side=OVERLAY_SIDE).pixels
    height, width = pixels.shape[:2]
    share = min(1.0, OVERLAY_SIDE / max(height, width))
    if share < 1:
        pixels = resize(pixels, (max(1, round(width * share)), max(1, round(height * share))))
    return encode(overlay(pixels, heatmap), format="PNG")


def _enlarged(heatmap: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Return how much each place says at (width, height): -1 real to 1 AI, in steps of 1/127."""
    full = max(FULL, float(np.abs(heatmap).max()))
    levels = np.round(127 * (1 + heatmap / full)).astype(np.uint8)
    enlarged = resize(np.repeat(levels[..., None], 3, axis=2), size, resample="bilinear")
    return enlarged[..., 0].astype(np.float32) / np.float32(127) - 1
