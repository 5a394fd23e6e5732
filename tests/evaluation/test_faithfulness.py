"""Maps are judged by scores whose cause is known: a score that only one corner of the picture decides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aivsreal.evaluation.faithfulness import (
    CELLS,
    STEPS,
    area,
    blanked,
    blurred,
    crops,
    curve,
    enlarged,
    greyed,
    in_cells,
    mosaic,
    most_first,
    occlusion,
    points_at,
    ranks_above,
)

RED_CORNER = np.zeros((100, 130, 3), np.uint8)
RED_CORNER[:50, 65:, 0] = 255
INSIDE = RED_CORNER[..., 0] > 0


def redness(pixels: np.ndarray) -> float:
    """A score that the red of the picture alone decides."""
    return float((pixels[..., 0].astype(int) - pixels[..., 1]).clip(0).mean())


def ends(filling: np.ndarray) -> tuple[float, float]:
    return redness(RED_CORNER), redness(filling)


@settings(max_examples=30)
@given(
    arrays(np.float32, st.tuples(st.integers(8, 70), st.integers(8, 70)), elements=st.floats(-9, 9, width=32))
)
def test_cells_lie_between_the_lowest_and_the_highest_place(heatmap: np.ndarray) -> None:
    cells = in_cells(heatmap)
    assert cells.shape == (CELLS, CELLS)
    assert heatmap.min() - 1e-5 <= cells.min() <= cells.max() <= heatmap.max() + 1e-5


def test_cells_made_larger_and_averaged_again_are_the_same() -> None:
    cells = np.random.default_rng(0).random((CELLS, CELLS))
    assert np.allclose(in_cells(enlarged(cells, (101, 67))), cells)


@pytest.mark.parametrize("fill", [blurred, greyed])
def test_blanking_touches_the_cells_that_are_named_and_no_other(fill: object) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (80, 96, 3), dtype=np.uint8)
    filling = fill(pixels)
    left = blanked(pixels, filling, np.array([0, CELLS * CELLS - 1]))
    assert np.array_equal(left[:10, :12], filling[:10, :12])
    assert np.array_equal(left[-10:, -12:], filling[-10:, -12:])
    assert np.array_equal(left[10:70], pixels[10:70])


def test_a_map_that_marks_the_cause_loses_the_score_first_and_finds_it_first() -> None:
    filling = greyed(RED_CORNER)
    order = most_first(in_cells(INSIDE.astype(float)))
    sooner = curve(redness, RED_CORNER, filling, order, ends=ends(filling))
    later = curve(redness, RED_CORNER, filling, order[::-1], ends=ends(filling))
    assert sooner.shape == (STEPS + 1,)
    assert sooner[0] == later[0] == redness(RED_CORNER)
    assert sooner[-1] == later[-1] == 0
    assert sooner[2] == 0
    assert later[2] == redness(RED_CORNER)
    assert area(sooner) < 0.4 * area(later)


def test_the_area_of_a_straight_fall_is_one_half() -> None:
    assert area(np.linspace(1, 0, 6)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "found", [occlusion(redness, RED_CORNER, greyed(RED_CORNER)), crops(redness, RED_CORNER)]
)
def test_occlusion_and_crops_point_at_the_cause(found: np.ndarray) -> None:
    marked = enlarged(found, INSIDE.shape)
    assert points_at(marked, INSIDE)
    assert ranks_above(marked, INSIDE) > 0.85


def test_a_map_that_says_nothing_ranks_a_part_at_one_half() -> None:
    assert ranks_above(np.zeros(INSIDE.shape), INSIDE) == 0.5
    assert ranks_above(-INSIDE.astype(float), INSIDE) == 0
    assert not points_at(-INSIDE.astype(float), INSIDE)


def test_four_pictures_stand_in_reading_order() -> None:
    four = [np.full((40 + 9 * n, 60, 3), 50 * n, np.uint8) for n in range(4)]
    made = mosaic(four, 16)
    assert made.shape == (32, 32, 3)
    assert [int(made[y, x, 0]) for y, x in ((8, 8), (8, 24), (24, 8), (24, 24))] == [0, 50, 100, 150]
