"""A picture shown on a screen and photographed from it, simulated: how a forger sheds the traces of a generator.

The steps of Yuan et al. 2019, "AIM 2019 challenge on image demoireing: dataset and study", by numpy: the screen's
red, green and blue stripes, the camera's skewed look at them, its lens and its grid of pixels, which beats with the
screen's (moiré), noise, a darker rim, the camera's curve. No mosaic of colours is taken and undone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aivsreal.deliveries import Pixels, scaled

Floats = NDArray[np.float32]
Quad = NDArray[np.float64]

# A window on a screen is hardly larger; so large pictures cost no more memory than this.
LONGEST = 1280
# Stripes of a screen's pixel across, and rows of it, of which the last lies half in the dark.
STRIPES = 3
DARK_ROW = 0.5
# The camera's pixels to one of the screen's, drawn between: near enough to beat with the stripes.
PITCH = (1.3, 1.9)
# How far the corners of what the camera sees lie within the screen, as shares of its sides.
SKEW = 0.04
# Lens, in stripes; light that the glass throws back; what is lost in the corners; noise in levels of 255.
BLUR, GLARE, RIM, NOISE = 1.2, 0.015, 0.3, 2.5
GAMMA = 2.2
# The camera's own idea of contrast and of white, drawn between.
CURVE, CAST = (0.9, 1.1), (0.95, 1.05)


def rephotographed(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Return what a camera sees of the picture on a screen, uint8 [h, w, 3] like `pixels` but at most LONGEST.

    rng: draws the distance, the skew, the camera's colours and its noise
    """
    shown = np.asarray(scaled(pixels, min(1.0, LONGEST / max(pixels.shape[:2]))))
    height, width = shown.shape[:2]
    pitch = rng.uniform(*PITCH)
    quad = _seen(height, width, rng)
    size = max(1, round(width * pitch)), max(1, round(height * pitch))
    light = ((1 - GLARE) * (shown / np.float32(255)) ** np.float32(GAMMA) + GLARE).astype(np.float32)
    seen = np.stack(
        [_photographed(_lit(light[..., k], k), quad, size, (width, height)) for k in range(3)], -1
    )
    exposed = seen * _rim(height, width)[..., None] * rng.uniform(*CAST, size=3).astype(np.float32)
    levels = 255 * np.clip(exposed, 0, 1) ** np.float32(rng.uniform(*CURVE) / GAMMA)
    noise = rng.standard_normal(levels.shape, dtype=np.float32) * np.float32(NOISE)
    taken: Pixels = np.clip(levels + noise + 0.5, 0, 255).astype(np.uint8)
    return taken


def _seen(height: int, width: int, rng: np.random.Generator) -> Quad:
    """Return the corners of what the camera sees, float64 [4, 2] of (x, y) on the screen's stripes, clockwise."""
    inset = rng.uniform(0, SKEW, (4, 2))
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    within = np.where(corners == 0, inset, 1 - inset)
    return within * (STRIPES * width, STRIPES * height)


def _lit(light: Floats, colour: int) -> Floats:
    """Return one colour's stripes on the screen, float32 [3 h, 3 w], as bright on the whole as `light` [h, w]."""
    height, width = light.shape
    stripes = np.zeros((height, STRIPES, width, STRIPES), np.float32)
    stripes[..., colour] = light[:, None, :]
    stripes[:, -1] *= DARK_ROW
    bright = STRIPES / ((STRIPES - 1 + DARK_ROW) / STRIPES)
    return (bright * stripes).reshape(STRIPES * height, STRIPES * width)


def _photographed(screen: Floats, quad: Quad, size: tuple[int, int], shown: tuple[int, int]) -> Floats:
    """Return one colour through the lens at the camera's pixels, `size`, brought to the size it was shown at."""
    from scipy.ndimage import gaussian_filter

    image = Image.fromarray(gaussian_filter(screen, BLUR, mode="nearest"))
    taken = image.transform(
        size, Image.Transform.PERSPECTIVE, _coefficients(quad, size), Image.Resampling.BICUBIC
    )
    return np.asarray(taken.resize(shown, Image.Resampling.LANCZOS))


def _coefficients(quad: Quad, size: tuple[int, int]) -> list[float]:
    """Return the eight numbers by which Pillow finds the place on the screen of each of the camera's pixels."""
    width, height = size
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    rows = []
    for (x, y), (u, v) in zip(corners, quad, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return [float(number) for number in np.linalg.solve(np.array(rows, float), quad.ravel())]


def _rim(height: int, width: int) -> Floats:
    """Return how much light reaches each pixel, float32 [h, w]: 1 in the middle, 1 - RIM in the corners."""
    y, x = (
        np.linspace(-1, 1, side, dtype=np.float32) if side > 1 else np.zeros(1, np.float32)
        for side in (height, width)
    )
    return 1 - np.float32(RIM / 2) * (y[:, None] ** 2 + x[None, :] ** 2)
