"""A part of a picture put into another: where it lies, how large it is, and what of a heat map it covers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aivsreal.evaluation.splice import covers, place, spliced
from tests.data.draw import flat, photo

SIDES = st.integers(1, 900)


@given(SIDES, SIDES, st.floats(0.001, 1.0), st.integers(0, 99))
def test_a_place_lies_within_the_picture(height: int, width: int, share: float, seed: int) -> None:
    top, left, bottom, right = place((height, width), share, np.random.default_rng(seed))
    assert 0 <= top < bottom <= height
    assert 0 <= left < right <= width


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 1.0])
def test_a_place_has_its_share_and_the_pictures_proportions(share: float) -> None:
    top, left, bottom, right = place((400, 600), share, np.random.default_rng(0))
    assert (bottom - top) * (right - left) / (400 * 600) == pytest.approx(share, rel=0.02)
    assert (right - left) / (bottom - top) == pytest.approx(1.5, rel=0.02)


def test_places_are_drawn_and_the_same_for_the_same_seed() -> None:
    drawn = [place((400, 600), 0.05, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_splice_changes_the_part_and_nothing_else() -> None:
    pixels, other = photo(60, 40), flat(60, 40, (9, 9, 9))
    before = pixels.copy()
    montage = spliced(pixels, other, (10, 20, 30, 50))
    assert (montage[10:30, 20:50] == 9).all()
    montage[10:30, 20:50] = pixels[10:30, 20:50]
    assert (montage == pixels).all()
    assert (pixels == before).all()


def test_pictures_of_two_sizes_are_not_spliced() -> None:
    with pytest.raises(ValueError, match="cannot stand for"):
        spliced(photo(60, 40), photo(40, 60), (0, 0, 10, 10))


def test_the_whole_picture_covers_every_cell() -> None:
    assert (covers((0, 0, 70, 90), (7, 5), (70, 90)) == 1).all()


def test_a_cell_is_covered_by_the_part_of_it_that_lies_in_the_box() -> None:
    covered = covers((0, 0, 15, 20), (2, 2), (20, 20))
    assert covered == pytest.approx(np.array([[1.0, 1.0], [0.5, 0.5]]))


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 1.0), st.integers(0, 99))
def test_a_box_covers_as_much_of_every_grid_as_of_the_picture(
    rows: int, columns: int, share: float, seed: int
) -> None:
    box = place((123, 77), share, np.random.default_rng(seed))
    top, left, bottom, right = box
    of_picture = (bottom - top) * (right - left) / (123 * 77)
    assert covers(box, (rows, columns), (123, 77)).mean() == pytest.approx(of_picture, abs=1e-9)
