"""`aligned` treats every picture alike: short side 256, never enlarged, JPEG quality 80, 4:2:0."""

import numpy as np
import pytest

from aivsreal.evaluation.degrade import align
from aivsreal.images import inspect, open_picture
from tests.data.draw import flat, photo


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1024, 768), (341, 256)),
        ((768, 1024), (256, 341)),
        ((512, 512), (256, 256)),
        ((256, 400), (256, 400)),
        ((200, 100), (200, 100)),
        ((32, 32), (32, 32)),
        ((1, 1), (1, 1)),
        ((3000, 300), (2560, 256)),
    ],
)
def test_short_side_becomes_256_and_nothing_is_enlarged(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    facts = inspect(align(flat(*before)))
    assert (facts.width, facts.height) == after


def test_aligned_file_is_a_plain_jpeg_of_quality_80() -> None:
    facts = inspect(align(photo(300, 280)))
    assert (facts.format, facts.quality, facts.subsampling) == ("JPEG", 80, "4:2:0")
    assert not facts.has_exif
    assert facts.camera is None


def test_alignment_keeps_what_the_picture_shows() -> None:
    pixels = flat(600, 400, (40, 120, 200))
    assert np.abs(open_picture(align(pixels)).pixels.mean((0, 1)) - (40, 120, 200)).max() < 3


def test_alignment_is_the_same_each_time() -> None:
    assert align(photo(300, 280, seed=3)) == align(photo(300, 280, seed=3))
