"""The views of a picture, and the way back to one heat map."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aivsreal.images import resize
from aivsreal.views import (
    Views,
    ViewSpec,
    assemble_map,
    contrast,
    fuse,
    make_views,
    short_side_needed,
    tile_boxes,
    view_weights,
)
from tests.data.draw import flat, photo

sides = st.integers(1, 2000)
specs = st.builds(
    ViewSpec,
    size=st.sampled_from([8, 32, 64]),
    whole=st.sampled_from(["square", "squash"]),
    tiles=st.integers(0, 9),
    flip=st.booleans(),
    small=st.sampled_from(["reflect", "enlarge"]),
    whole_weight=st.floats(0, 1),
) | st.builds(
    ViewSpec,
    size=st.sampled_from([8, 32, 64]),
    whole=st.just("none"),
    tiles=st.integers(1, 9),
    tile_scale=st.none() | st.integers(1, 500),
    flip=st.booleans(),
    small=st.sampled_from(["reflect", "enlarge"]),
)


def gradient(width: int, height: int) -> np.ndarray:
    """Cheap pixels that differ everywhere a little."""
    row = np.arange(width, dtype=np.uint32) * 7
    column = np.arange(height, dtype=np.uint32) * 3
    grey = ((row[None, :] + column[:, None]) % 256).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def brightness_maps(views: Views, grid: int = 8) -> np.ndarray:
    """What a network that sees nothing but brightness would give: float32 [n, grid, grid]."""
    n, size = views.batch.shape[:2]
    cells = views.batch.reshape(n, grid, size // grid, grid, size // grid, 3)
    return cells.mean(axis=(2, 4, 5)).astype(np.float32)


@settings(max_examples=80, deadline=None)
@given(width=sides, height=sides, spec=specs)
def test_any_picture_gives_views_of_the_right_shape_within_it(width, height, spec):
    views = make_views(gradient(width, height), spec)
    n = len(views.batch)

    assert views.batch.shape == (n, spec.size, spec.size, 3)
    assert views.batch.dtype == np.uint8
    assert views.boxes.shape == views.shown.shape == (n, 4)
    assert views.is_whole.shape == views.mirrored.shape == (n,)
    for boxes in (views.boxes, views.shown):
        assert boxes.min() >= 0
        assert boxes.max() <= 1
        assert (boxes[:, 0] < boxes[:, 2]).all()
        assert (boxes[:, 1] < boxes[:, 3]).all()
    upright = n // 2 if spec.flip else n
    assert (~views.mirrored).sum() == upright
    assert (~views.is_whole).sum() <= spec.tiles * (1 + spec.flip)


@settings(max_examples=30, deadline=None)
@given(width=sides, height=sides, spec=specs)
def test_the_same_picture_always_gives_the_same_views(width, height, spec):
    pixels = gradient(width, height)

    first, second = make_views(pixels, spec), make_views(pixels.copy(), spec)

    assert np.array_equal(first.batch, second.batch)
    assert np.array_equal(first.boxes, second.boxes)


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides, spec=specs, value=st.floats(-30, 30, width=32))
def test_constant_maps_assemble_to_that_constant_everywhere(width, height, spec, value):
    views = make_views(gradient(width, height), spec)
    maps = np.full((len(views.batch), 7, 7), value, np.float32)

    assembled = assemble_map(maps, views, spec, shape=(41, 53))

    assert assembled.shape == (41, 53)
    assert assembled.dtype == np.float32
    assert np.allclose(assembled, value, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides, most=st.integers(1, 12), side=st.sampled_from([32, 224]))
def test_tiles_lie_within_the_picture_and_no_two_are_one(width, height, most, side):
    boxes = tile_boxes(width, height, side=side, most=most)

    assert 1 <= len(boxes) <= most
    assert len(set(boxes)) == len(boxes)
    for x0, y0, x1, y1 in boxes:
        assert 0 <= x0 < x1 <= width
        assert 0 <= y0 < y1 <= height
        assert (x1 - x0, y1 - y0) == (min(side, width), min(side, height))


@settings(max_examples=40, deadline=None)
@given(width=sides, height=sides, side=st.sampled_from([100, 224, 500]))
def test_enough_tiles_leave_no_pixel_unseen(width, height, side):
    needed = -(-width // side) * -(-height // side)
    seen = np.zeros((height, width), bool)

    for x0, y0, x1, y1 in tile_boxes(width, height, side=side, most=needed):
        seen[y0:y1, x0:x1] = True

    assert seen.all()


def test_one_tile_lies_in_the_middle():
    assert tile_boxes(1000, 600, side=200, most=1) == [(400, 200, 600, 400)]


def test_tiles_are_no_more_than_cover_the_picture():
    assert tile_boxes(200, 200, side=200, most=9) == [(0, 0, 200, 200)]
    assert tile_boxes(400, 200, side=200, most=9) == [(0, 0, 200, 200), (200, 0, 400, 200)]


def test_four_tiles_of_a_large_picture_lie_two_by_two():
    boxes = tile_boxes(4000, 3000, side=200, most=4)

    assert [(x0 + 100, y0 + 100) for x0, y0, _, _ in boxes] == [
        (1000, 750),
        (3000, 750),
        (1000, 2250),
        (3000, 2250),
    ]


def test_a_tile_holds_the_pictures_own_pixels():
    pixels = photo(300, 200, seed=1)
    views = make_views(pixels, ViewSpec(size=64, whole="none", tiles=1))

    assert np.array_equal(views.batch[0], pixels[68:132, 118:182])


def test_a_picture_of_the_networks_size_is_seen_as_it_is():
    pixels = photo(32, 32, seed=2)
    views = make_views(pixels, ViewSpec(size=32, whole="square", tiles=1))

    assert np.array_equal(views.batch[0], pixels)
    assert np.array_equal(views.batch[1], pixels)


def test_a_small_picture_is_reflected_at_its_edges():
    pixels = photo(20, 16, seed=3)
    views = make_views(pixels, ViewSpec(size=32, whole="none", tiles=1))

    assert np.array_equal(views.batch[0, 8:24, 6:26], pixels)
    assert np.array_equal(views.batch[0, 7, 6:26], pixels[1])
    assert np.allclose(views.shown[0], [6 / 32, 8 / 32, 26 / 32, 24 / 32])


def test_a_small_picture_can_be_enlarged_instead():
    views = make_views(flat(16, 16, (10, 200, 30)), ViewSpec(size=32, whole="none", tiles=1, small="enlarge"))

    assert (views.batch[0] == (10, 200, 30)).all()
    assert np.array_equal(views.shown[0], [0, 0, 1, 1])


@pytest.mark.parametrize(
    ("width", "height", "squares"),
    [(300, 300, 1), (300, 250, 1), (400, 300, 2), (300, 700, 3), (2000, 100, 3)],
)
def test_an_oblong_picture_is_seen_in_as_many_squares_as_it_needs(width, height, squares):
    views = make_views(photo(width, height), ViewSpec(size=64, whole="square"))
    along = slice(0, None, 2) if width > height else slice(1, None, 2)

    assert len(views.batch) == squares
    if squares > 1:
        assert views.boxes[0, along][0] == 0
        assert views.boxes[-1, along][1] == 1
        assert (views.boxes[1:, along][:, 0] <= views.boxes[:-1, along][:, 1]).all()


def test_a_picture_less_oblong_than_the_spec_says_is_one_square_of_its_middle():
    spec = ViewSpec(size=64, whole="square", one_square=1.5)
    views = make_views(gradient(96, 64), spec)
    assert len(views.batch) == 1
    assert views.boxes[0].tolist() == pytest.approx([1 / 6, 0, 5 / 6, 1])


@settings(max_examples=60, deadline=None)
@given(
    spec=specs.filter(lambda spec: spec.whole == "squash" or (spec.whole == "none" and spec.tiles > 4)),
    width=st.integers(120, 180),
    height=st.integers(120, 180),
    centre_x=st.floats(0.2, 0.8),
    centre_y=st.floats(0.2, 0.8),
)
def test_a_bright_blob_lands_at_its_place_in_the_map(spec, width, height, centre_x, centre_y):
    spec = spec.model_copy(update={"size": 64, "tiles": 9 if spec.tiles else 0, "tile_scale": None})
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot(x - centre_x * width, y - centre_y * height)
    blob = (255 * np.exp(-((distance / 25) ** 2))).astype(np.uint8)
    views = make_views(np.repeat(blob[..., None], 3, axis=2), spec)

    assembled = assemble_map(brightness_maps(views), views, spec, shape=(height, width))

    weight = np.clip(assembled - assembled.max() / 2, 0, None)
    assert abs((weight * (x + 0.5)).sum() / weight.sum() - centre_x * width) < 8
    assert abs((weight * (y + 0.5)).sum() / weight.sum() - centre_y * height) < 8


def test_mirrored_views_add_nothing_to_the_map_of_a_network_that_mirrors_along():
    pixels = photo(200, 150, seed=5)
    plain = ViewSpec(size=64, whole="square", tiles=4)
    both = plain.model_copy(update={"flip": True})
    views, mirrored = make_views(pixels, plain), make_views(pixels, both)

    alone = assemble_map(brightness_maps(views), views, plain, shape=(75, 100))
    together = assemble_map(brightness_maps(mirrored), mirrored, both, shape=(75, 100))

    assert np.allclose(alone, together, atol=1e-3)


def test_padding_of_a_small_picture_stays_out_of_its_map():
    spec = ViewSpec(size=32, whole="none", tiles=1)
    views = make_views(flat(16, 16), spec)
    maps = np.full((1, 8, 8), -5, np.float32)
    maps[0, 2:6, 2:6] = 5

    assembled = assemble_map(maps, views, spec, shape=(16, 16))

    assert assembled[4:12, 4:12].min() == 5
    assert np.median(assembled) == 5  # only the rim blends with the padding beside it


def test_what_no_tile_covers_takes_the_whole_views_value():
    spec = ViewSpec(size=32, whole="squash", tiles=1, whole_weight=0.25)
    views = make_views(flat(320, 320), spec)
    maps = np.stack([np.full((4, 4), 2), np.full((4, 4), -2)]).astype(np.float32)

    assembled = assemble_map(maps, views, spec, shape=(100, 100))

    assert assembled[0, 0] == pytest.approx(2, abs=1e-3)
    assert assembled[50, 50] == pytest.approx(0.25 * 2 + 0.75 * -2)


def test_without_whole_views_the_nearest_tiles_stand_in_and_no_seam_shows():
    spec = ViewSpec(size=32, whole="none", tiles=2)
    views = make_views(flat(400, 100), spec)
    maps = np.stack([np.full((4, 4), 1), np.full((4, 4), 3)]).astype(np.float32)

    assembled = assemble_map(maps, views, spec, shape=(10, 40))

    assert np.allclose(assembled[:, :10], 1, atol=0.03)
    assert np.allclose(assembled[:, -10:], 3, atol=0.03)
    assert np.diff(assembled, axis=1).min() > -1e-3
    assert np.diff(assembled, axis=1).max() < 1


def test_fusing_weighs_whole_views_and_tiles():
    spec = ViewSpec(size=32, whole="squash", tiles=2, whole_weight=0.25)
    views = make_views(flat(400, 100), spec)

    assert fuse(np.float32([4, 1, 3]), views.is_whole, spec) == pytest.approx(0.25 * 4 + 0.75 * 2)


def test_fusing_one_kind_of_view_is_its_mean():
    tiles = ViewSpec(size=32, whole="none", tiles=2)
    whole = ViewSpec(size=32, whole="square", flip=True)

    assert fuse(np.float32([1, 2]), make_views(flat(400, 100), tiles).is_whole, tiles) == 1.5
    assert fuse(np.float32([1, 3]), make_views(flat(100, 100), whole).is_whole, whole) == 2


def test_tiles_need_native_resolution_and_whole_views_do_not():
    assert short_side_needed(ViewSpec(size=224, whole="square", tiles=1)) is None
    assert short_side_needed(ViewSpec(size=224, whole="squash")) == 224


def test_tiles_of_a_full_file_are_those_of_its_web_copy():
    spec = ViewSpec(size=64, whole="none", tiles=4, tile_scale=200)
    full = photo(800, 600)
    copy = resize(full, (267, 200))
    assert np.array_equal(make_views(full, spec).batch, make_views(copy, spec).batch)


def test_a_picture_within_the_tile_scale_keeps_its_own_pixels():
    spec = ViewSpec(size=64, whole="none", tiles=1, tile_scale=200)
    pixels = gradient(300, 200)
    assert np.array_equal(make_views(pixels, spec).batch[0], pixels[68:132, 118:182])


def test_a_picture_that_the_whole_view_hardly_shrinks_is_not_seen_in_tiles():
    spec = ViewSpec(size=64, tiles=2, tiles_from=128)
    assert make_views(gradient(200, 127), spec).is_whole.all()
    assert (~make_views(gradient(200, 128), spec).is_whole).sum() == 2


def test_a_tile_scale_lets_large_pictures_be_decoded_smaller():
    assert short_side_needed(ViewSpec(size=224, tiles=4, tile_scale=1200)) == 1200
    assert short_side_needed(ViewSpec(size=224, tiles=4, tile_scale=100)) == 224


def test_a_spec_without_any_view_is_refused():
    with pytest.raises(ValidationError, match="there is no view"):
        ViewSpec(size=32, whole="none", tiles=0)


def test_a_spec_with_an_unknown_key_is_refused():
    with pytest.raises(ValidationError):
        ViewSpec(size=32, crops=3)


@settings(max_examples=30, deadline=None)
@given(width=sides, height=sides, spec=specs)
def test_the_weights_of_the_views_are_those_by_which_their_logits_are_fused(width, height, spec):
    is_whole = make_views(gradient(width, height), spec).is_whole
    logits = np.arange(len(is_whole), dtype=np.float32)

    assert view_weights(is_whole, spec) @ logits == pytest.approx(fuse(logits, is_whole, spec), abs=1e-4)


def test_a_picture_of_one_varying_colour_has_its_contrast():
    pixels = np.zeros((300, 200, 3), np.uint8)
    assert contrast(pixels) == 0
    pixels[:150, :, 2] = 100
    assert contrast(pixels) == pytest.approx(50)
