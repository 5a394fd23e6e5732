"""The uint8 views of a picture that the network sees, and the way back: one logit, one heat map.

Between `images.open_picture` and the ONNX session. Two lights on a picture (design decision 5): the whole
of it resized, and tiles at native resolution (or near it, in very large pictures). Only geometry happens here; normalisation is in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aivsreal.images import resize

MOST_SQUARES = 3
# How far from a tile, as a share of the picture, its say in the heat map falls to a third.
FADE = 0.06
# Pixels of a picture's short side that its contrast is measured on.
CONTRAST_SIDE = 128

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
PixelBox = tuple[int, int, int, int]


class ViewSpec(BaseModel):
    """Which views of a picture a model wants, and how their logits become one. Part of a bundle's card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=8, le=4096, description="side of the network's square input, in pixels")
    whole: Literal["none", "square", "squash"] = Field(
        default="square",
        description="the whole picture: not seen; short side to `size`, then squares; both sides to `size`",
    )
    one_square: float = Field(
        default=1.25,
        ge=1,
        description="with whole='square': a picture less oblong than this is seen as one square of its middle",
    )
    tiles: int = Field(default=0, ge=0, le=64, description="most tiles at native resolution")
    tiles_from: int = Field(
        default=0, ge=0, description="only pictures with at least this short side are seen in tiles, too"
    )
    alone: bool = Field(
        default=False,
        description="each view is run by itself, since the graph's arithmetic depends on what else it is given",
    )
    tile_scale: int | None = Field(
        default=None,
        gt=0,
        description="tiles of a picture with a longer short side are cut after it is brought to this one",
    )
    flip: bool = Field(default=False, description="each view also mirrored left to right")
    fusion: Literal["mean_logit"] = "mean_logit"
    whole_weight: float = Field(
        default=0.5, ge=0, le=1, description="share of the whole views' mean logit where there are tiles too"
    )
    small: Literal["reflect", "enlarge"] = Field(
        default="reflect", description="what a tile does where the picture is smaller than `size`"
    )

    least_side: int = Field(
        default=0, ge=0, description="no answer is given on a picture with a shorter side, in pixels"
    )
    least_contrast: float = Field(
        default=0.0,
        ge=0,
        description="no answer is given on a picture whose colours all vary less, as a standard deviation of 0..255",
    )

    @model_validator(mode="after")
    def _sees_something(self) -> ViewSpec:
        if self.whole == "none" and self.tiles == 0:
            raise ValueError("without the whole picture and without tiles there is no view")
        return self


@dataclass(frozen=True, eq=False)
class Views:
    """What the network is given of one picture, and where in the picture each view lies.

    batch: uint8 [n, size, size, 3]; boxes: float32 [n, 4], (x0, y0, x1, y1) as fractions of the picture;
    shown: float32 [n, 4], the part of the view that its box fills (less than all where a small picture was
    padded); is_whole, mirrored: bool [n].
    """

    batch: Pixels
    boxes: Floats
    shown: Floats
    is_whole: NDArray[np.bool_]
    mirrored: NDArray[np.bool_]


def contrast(pixels: Pixels) -> float:
    """Return how much the colours of uint8 [h, w, 3] vary: the largest of their standard deviations, 0..128."""
    step = max(1, min(pixels.shape[:2]) // CONTRAST_SIDE)
    return float(pixels[::step, ::step].reshape(-1, 3).std(axis=0).max())


def make_views(pixels: Pixels, spec: ViewSpec) -> Views:
    """Return the views of uint8 [h, w, 3] that `spec` asks for: whole ones, then tiles, then all mirrored."""
    whole = list(_whole_views(pixels, spec))
    tiles = list(_tile_views(pixels, spec))
    seen = whole + tiles
    batch = np.stack([view for view, _, _ in seen])
    boxes = np.array([box for _, box, _ in seen], np.float32)
    shown = np.array([part for _, _, part in seen], np.float32)
    is_whole = np.arange(len(seen)) < len(whole)
    mirrored = np.zeros(len(seen), bool)
    if spec.flip:
        batch = np.concatenate([batch, batch[:, :, ::-1]])
        boxes, shown, is_whole = (np.concatenate([array, array]) for array in (boxes, shown, is_whole))
        mirrored = np.concatenate([mirrored, ~mirrored])
    return Views(batch, boxes, shown, is_whole, mirrored)


def fuse(logits: Floats, is_whole: NDArray[np.bool_], spec: ViewSpec) -> float:
    """Return the picture's logit from its views' float32 [n]: the mean of a kind, both by `whole_weight`."""
    whole, tiles = logits[is_whole], logits[~is_whole]
    if not len(tiles):
        return float(whole.mean())
    if not len(whole):
        return float(tiles.mean())
    return float(spec.whole_weight * whole.mean() + (1 - spec.whole_weight) * tiles.mean())


def view_weights(is_whole: NDArray[np.bool_], spec: ViewSpec) -> Floats:
    """Return how much each view counts where `fuse` makes one logit of them: float32 [n], of sum 1."""
    tiles = int((~is_whole).sum())
    whole = len(is_whole) - tiles
    if not tiles or not whole:
        return np.full(len(is_whole), 1 / len(is_whole), np.float32)
    weights = np.where(is_whole, spec.whole_weight / whole, (1 - spec.whole_weight) / tiles)
    return weights.astype(np.float32)


def assemble_map(maps: Floats, views: Views, spec: ViewSpec, *, shape: tuple[int, int]) -> Floats:
    """Return one float32 [h, w] over the whole picture from the views' maps, float32 [n, mh, mw], in logits.

    Views of a kind are averaged where they overlap and both kinds are mixed as `fuse` mixes their logits.
    Around a tile its share fades, so that no edge is drawn which is none of the picture's: what no tile is near
    takes the whole views' value; without those, the nearest tiles'.
    """
    upright = np.where(views.mirrored[:, None, None], maps[:, :, ::-1], maps)
    whole, tiles = views.is_whole, ~views.is_whole
    if not tiles.any():
        return _paint(upright, views, whole, shape)[0]
    tile_map, nearness = _paint(upright, views, tiles, shape)
    if not whole.any():
        return tile_map
    whole_map, _ = _paint(upright, views, whole, shape)
    share = (1 - spec.whole_weight) * nearness
    return ((1 - share) * whole_map + share * tile_map).astype(np.float32)


def short_side_needed(spec: ViewSpec) -> int | None:
    """Return the smallest short side that serves these views; None where tiles need native resolution."""
    if not spec.tiles:
        return spec.size
    return None if spec.tile_scale is None else max(spec.size, spec.tile_scale)


_FULL = (0.0, 0.0, 1.0, 1.0)
_Seen = tuple[Pixels, tuple[float, ...], tuple[float, ...]]


def _whole_views(pixels: Pixels, spec: ViewSpec) -> Iterator[_Seen]:
    if spec.whole == "none":
        return
    if spec.whole == "squash":
        yield _sized(pixels, (spec.size, spec.size)), _FULL, _FULL
        return
    height, width = pixels.shape[:2]
    aspect = max(width, height) / min(width, height)
    # Beyond three squares the long side is squashed, so that nothing is left unseen.
    long_side = max(spec.size, min(round(spec.size * aspect), MOST_SQUARES * spec.size))
    squares = 1 if aspect <= spec.one_square else ceil(long_side / spec.size)
    lying = width >= height
    shrunk = _sized(pixels, (long_side, spec.size) if lying else (spec.size, long_side))
    for start in _spread(long_side, spec.size, squares):
        stop = start + spec.size
        first, last = start / long_side, stop / long_side
        if lying:
            yield shrunk[:, start:stop], (first, 0.0, last, 1.0), _FULL
        else:
            yield shrunk[start:stop], (0.0, first, 1.0, last), _FULL


def _tile_views(pixels: Pixels, spec: ViewSpec) -> Iterator[_Seen]:
    if spec.whole != "none" and min(pixels.shape[:2]) < spec.tiles_from:
        return
    pixels = _at_tile_scale(pixels, spec)
    height, width = pixels.shape[:2]
    side = spec.size if spec.small == "reflect" else min(spec.size, width, height)
    for x0, y0, x1, y1 in tile_boxes(width, height, side=side, most=spec.tiles):
        box = (x0 / width, y0 / height, x1 / width, y1 / height)
        tile = pixels[y0:y1, x0:x1]
        if spec.small == "enlarge":
            yield _sized(tile, (spec.size, spec.size)), box, _FULL
        else:
            yield _reflected(tile, spec.size), box, _shown_after_padding(tile, spec.size)


def _at_tile_scale(pixels: Pixels, spec: ViewSpec) -> Pixels:
    """Return the pixels that tiles are cut from: a camera's full file and its web copy alike."""
    height, width = pixels.shape[:2]
    if not spec.tiles or spec.tile_scale is None or min(height, width) <= spec.tile_scale:
        return pixels
    factor = spec.tile_scale / min(height, width)
    return resize(pixels, (round(width * factor), round(height * factor)))


def tile_boxes(width: int, height: int, *, side: int, most: int) -> list[PixelBox]:
    """Return at most `most` boxes (x0, y0, x1, y1) of `side` pixels, in rows, covering as much as they can.

    No more than are needed to cover everything. Where they cannot, rows and columns lie equally far apart;
    a single tile lies in the middle.
    """
    if most == 0:
        return []
    tile_width, tile_height = min(side, width), min(side, height)
    rows = max(
        range(1, min(most, ceil(height / tile_height)) + 1),
        key=lambda count: _worth(count, width, height, tile_width, tile_height, most),
    )
    boxes = []
    counts = _row_counts(rows, most, ceil(width / tile_width))
    for y0, count in zip(_spread(height, tile_height, rows), counts, strict=True):
        for x0 in _spread(width, tile_width, count):
            boxes.append((x0, y0, x0 + tile_width, y0 + tile_height))
    return boxes


def _worth(
    rows: int, width: int, height: int, tile_width: int, tile_height: int, most: int
) -> tuple[float, float]:
    """Return how much `rows` rows of tiles cover, then how even the spacing is: larger is better."""
    counts = _row_counts(rows, most, ceil(width / tile_width))
    row_height = min(tile_height, height / rows)
    covered = sum(min(count * tile_width, width) * row_height for count in counts)
    spacing_x, spacing_y = width / (sum(counts) / rows), height / rows
    return round(covered / (width * height), 6), -abs(log(spacing_x / spacing_y))


def _row_counts(rows: int, most: int, row_needs: int) -> list[int]:
    """Return how many tiles each row has: evenly shared, never more than cover the row."""
    few, extra = divmod(most, rows)
    return [min(few + (row < extra), row_needs) for row in range(rows)]


def _spread(length: int, piece: int, count: int) -> list[int]:
    """Return where `count` pieces start: flush with both ends if they cover `length`, else evenly apart."""
    if count > 1 and count * piece >= length:
        return [round(index * (length - piece) / (count - 1)) for index in range(count)]
    return [round((index + 0.5) * length / count - piece / 2) for index in range(count)]


def _sized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the pixels at (width, height); pixels that have that size already stay untouched."""
    return pixels if pixels.shape[1::-1] == size else resize(pixels, size)


def _reflected(tile: Pixels, size: int) -> Pixels:
    """Return the tile in the middle of size x size, mirrored outwards where it is smaller."""
    height, width = tile.shape[:2]
    if height == width == size:
        return tile
    top, left = (size - height) // 2, (size - width) // 2
    around = ((top, size - height - top), (left, size - width - left), (0, 0))
    return np.pad(tile, around, mode="reflect")


def _shown_after_padding(tile: Pixels, size: int) -> tuple[float, ...]:
    height, width = tile.shape[:2]
    top, left = (size - height) // 2, (size - width) // 2
    return left / size, top / size, (left + width) / size, (top + height) / size


def _paint(
    maps: Floats, views: Views, chosen: NDArray[np.bool_], shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return the chosen maps laid on the picture, and how near one lies: 1 under a view, falling to 0 off it."""
    laid, near = [], []
    for index in np.flatnonzero(chosen):
        box, shown = views.boxes[index], views.shown[index]
        across, off_x = _interpolation(shape[1], maps.shape[2], box[0], box[2], shown[0], shown[2])
        down, off_y = _interpolation(shape[0], maps.shape[1], box[1], box[3], shown[1], shown[3])
        laid.append(down @ maps[index] @ across.T)
        near.append(np.exp(-np.hypot(off_y[:, None], off_x[None, :]) / FADE))
    weights = np.stack(near)
    nearness = weights.max(axis=0)
    # Under a view only the views that see the place have a say.
    weights = np.where(nearness == 1, weights == 1, weights)
    return (weights * np.stack(laid)).sum(axis=0) / weights.sum(axis=0), nearness


def _interpolation(
    n_out: int, n_map: int, box_from: float, box_to: float, shown_from: float, shown_to: float
) -> tuple[Floats, Floats]:
    """Return bilinear weights [n_out, n_map] along one axis and how far each output lies off the box.

    Outputs off the box take the value at its edge.
    """
    place = (np.arange(n_out, dtype=np.float32) + 0.5) / n_out
    held = np.clip(place, box_from, box_to)
    in_view = shown_from + (held - box_from) / (box_to - box_from) * (shown_to - shown_from)
    on_map = np.clip(in_view * n_map - 0.5, 0, n_map - 1)
    low = np.minimum(on_map.astype(np.int32), max(n_map - 2, 0))
    high = np.minimum(low + 1, n_map - 1)
    rest = (on_map - low).astype(np.float32)
    weights = np.zeros((n_out, n_map), np.float32)
    rows = np.arange(n_out)
    weights[rows, low] += 1 - rest
    weights[rows, high] += rest
    return weights, np.abs(place - held)
