"""A picture with a part of another put into it: what somebody makes who replaces a part of a photograph.

Pure: pixels in, pixels out, uint8 [h, w, 3]; what is random comes from a generator that is handed in.

    box = place(pixels.shape[:2], 0.2, rng)
    montage = spliced(pixels, other, box)
    inside = covers(box, heatmap.shape, pixels.shape[:2])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aivsreal.deliveries import Pixels

# (top, left, bottom, right) in pixels, the latter two beyond the part.
Box = tuple[int, int, int, int]


def place(shape: tuple[int, int], share: float, rng: np.random.Generator) -> Box:
    """Return a box that covers `share` of a picture of `shape` = (height, width) and lies anywhere in it.

    It has the picture's own proportions. share: above 0, at most 1, which is the whole picture.
    """
    height, width = (max(1, round(side * share**0.5)) for side in shape)
    top = int(rng.integers(0, shape[0] - height + 1))
    left = int(rng.integers(0, shape[1] - width + 1))
    return top, left, top + height, left + width


def spliced(pixels: Pixels, other: Pixels, box: Box) -> Pixels:
    """Return `pixels` with what `other`, a picture of the same size, shows inside the box."""
    if pixels.shape != other.shape:
        raise ValueError(f"a part of {other.shape} cannot stand for one of {pixels.shape}")
    top, left, bottom, right = box
    montage = pixels.copy()
    montage[top:bottom, left:right] = other[top:bottom, left:right]
    return montage


def covers(box: Box, grid: tuple[int, int], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return how much of each cell of a grid laid over the picture the box covers, float64 [grid] in 0..1.

    grid: (rows, columns) of a heat map; shape: (height, width) of the picture; the mean is the box's share of it
    """
    top, left, bottom, right = box
    down, across = _overlap(top, bottom, grid[0], shape[0]), _overlap(left, right, grid[1], shape[1])
    return down[:, None] * across[None, :]


def _overlap(first: int, last: int, cells: int, length: int) -> NDArray[np.float64]:
    """Return the share of each of `cells` equal pieces of `length` that lies between first and last."""
    edges = np.linspace(0, length, cells + 1)
    inside = np.minimum(edges[1:], last) - np.maximum(edges[:-1], first)
    return np.clip(inside * cells / length, 0.0, 1.0)
