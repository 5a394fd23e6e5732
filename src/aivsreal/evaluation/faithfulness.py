"""Whether a heat map marks what a score rests on: blank the picture in its order, or see whether it points at a part.

Pictures are cut into CELLS x CELLS cells. A `score` is any function of pixels, uint8 [h, w, 3], that gives a number.

    order = most_first(in_cells(heatmap))
    filling = blurred(pixels)
    falling = curve(score, pixels, filling, order, ends=(score(pixels), score(filling)))
    print(area(falling))  # the lower, the sooner the score was lost: deletion

Deletion and insertion: Petsiuk, Das and Saenko 2018, "RISE: Randomized Input Sampling for Explanation of Black-box
Models". Occlusion: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks".
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from aivsreal.images import resize

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Score = Callable[[Pixels], float]

CELLS, STEPS = 8, 5
GREY = 128
# A window of occlusion, and how far the next one lies, in cells.
WINDOW = 2


def in_cells(heatmap: NDArray[np.floating]) -> Floats:
    """Return the mean of a map, [h, w] of at least CELLS a side, in each cell: float64 [CELLS, CELLS]."""
    rows, columns = (_edges(length) for length in heatmap.shape)
    sums = np.add.reduceat(
        np.add.reduceat(heatmap.astype(np.float64), rows[:-1], axis=0), columns[:-1], axis=1
    )
    return np.asarray(sums / (np.diff(rows)[:, None] * np.diff(columns)[None, :]))


def most_first(marked: Floats) -> Ints:
    """Return the numbers of the cells, int64 [CELLS * CELLS], the one that is marked most first."""
    return np.argsort(-marked.ravel(), kind="stable")


def blurred(pixels: Pixels) -> Pixels:
    """Return the pixels with a Gaussian blur of a sixteenth of their short side: no detail, the same colours."""
    radius = min(pixels.shape[:2]) / 16
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def greyed(pixels: Pixels) -> Pixels:
    """Return as many pixels of the same grey."""
    return np.full_like(pixels, GREY)


def blanked(pixels: Pixels, filling: Pixels, cells: Ints) -> Pixels:
    """Return the pixels with `filling`, of the same shape, in the cells of these numbers."""
    chosen = np.zeros(CELLS * CELLS, bool)
    chosen[cells] = True
    rows, columns = (np.diff(_edges(length)) for length in pixels.shape[:2])
    mask = np.repeat(np.repeat(chosen.reshape(CELLS, CELLS), rows, axis=0), columns, axis=1)
    return np.where(mask[..., None], filling, pixels)


def curve(score: Score, pixels: Pixels, filling: Pixels, order: Ints, *, ends: tuple[float, float]) -> Floats:
    """Return the score after 0, 1/STEPS, ... and all of the cells were blanked in this order: float64 [STEPS + 1].

    ends: the score of the pixels and that of the filling, the same for every order
    The curve of the opposite order, read from its end, is that of revealing in this one: insertion.
    """
    stops = np.linspace(0, order.size, STEPS + 1).round().astype(int)[1:-1]
    between = [score(blanked(pixels, filling, order[:stop])) for stop in stops]
    return np.array([ends[0], *between, ends[1]])


def area(values: Floats) -> float:
    """Return the mean height of a curve over equal steps."""
    return float(np.trapezoid(values) / (values.size - 1))


def occlusion(score: Score, pixels: Pixels, filling: Pixels) -> Floats:
    """Return how far the score falls where a window is blanked, float64 [CELLS, CELLS], windows side by side."""
    whole, falls = score(pixels), np.zeros((CELLS, CELLS))
    numbers = np.arange(CELLS * CELLS).reshape(CELLS, CELLS)
    for top in range(0, CELLS, WINDOW):
        for left in range(0, CELLS, WINDOW):
            window = slice(top, top + WINDOW), slice(left, left + WINDOW)
            falls[window] = whole - score(blanked(pixels, filling, numbers[window].ravel()))
    return falls


def crops(score: Score, pixels: Pixels) -> Floats:
    """Return the scores of nine overlapping crops of half the height and width, averaged in each cell: as `in_cells`."""
    rows, columns = (_edges(length) for length in pixels.shape[:2])
    total, seen = np.zeros((CELLS, CELLS)), np.zeros((CELLS, CELLS))
    half, step = CELLS // 2, CELLS // 4
    for top in range(0, half + 1, step):
        for left in range(0, half + 1, step):
            part = pixels[rows[top] : rows[top + half], columns[left] : columns[left + half]]
            covered = slice(top, top + half), slice(left, left + half)
            total[covered] += score(np.ascontiguousarray(part))
            seen[covered] += 1
    return total / seen


def points_at(heatmap: NDArray[np.floating], inside: NDArray[np.bool_]) -> bool:
    """Return whether the highest place of a map lies inside a part: the pointing game of Zhang et al. 2018.

    "Top-Down Neural Attention by Excitation Backprop". Both [h, w]; of equal highest places the first counts.
    """
    return bool(inside.ravel()[int(np.argmax(heatmap))])


def ranks_above(heatmap: NDArray[np.floating], inside: NDArray[np.bool_]) -> float:
    """Return the chance that a place inside a part is marked more than one outside; one half tells nothing."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(inside.ravel(), heatmap.ravel()))


def enlarged(cells: Floats, shape: tuple[int, int]) -> Floats:
    """Return values of cells on a finer grid of (height, width), each cell as a block."""
    rows, columns = (np.diff(_edges(length)) for length in shape)
    return np.repeat(np.repeat(cells, rows, axis=0), columns, axis=1)


def mosaic(quarters: list[Pixels], side: int) -> Pixels:
    """Return four pictures as one square: the middle of each, brought to side x side, in reading order."""
    squares = [middle_square(pixels, side) for pixels in quarters]
    return np.concatenate([np.concatenate(squares[:2], axis=1), np.concatenate(squares[2:], axis=1)])


def middle_square(pixels: Pixels, side: int) -> Pixels:
    """Return the largest square of the middle, brought to side x side."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    return resize(np.ascontiguousarray(pixels[top : top + short, left : left + short]), (side, side))


def _edges(length: int) -> Ints:
    """Return where the cells along a side of `length` pixels begin, and its end: int64 [CELLS + 1]."""
    return np.linspace(0, length, CELLS + 1).round().astype(np.int64)
