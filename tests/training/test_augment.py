import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aivsreal.training.augment import augment, compress
from aivsreal.training.recipe import AugmentSection, load_recipe

EVERYTHING = AugmentSection(
    geometry="mixed", flip=1, shift=3, rotate=1, rotate_degrees=30,
    affine=1, affine_shift=0.1, affine_scale=0.1, affine_degrees=10, resize=1, compress=1, colour=1, brightness=0.2, contrast=0.2, saturation=0.2, grey=0.5,
    blur=1, noise=1, cutout=1, cutout_holes=2, cutout_size=9,
)  # fmt: skip
NOTHING = AugmentSection(geometry="native", flip=0)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    geometry=st.sampled_from(["native", "whole", "mixed", "squash"]),
    seed=st.integers(0, 1000),
)
def test_any_picture_becomes_a_view_of_the_right_shape(
    height: int, width: int, geometry: str, seed: int
) -> None:
    section = EVERYTHING.model_copy(update={"geometry": geometry})
    view = augment(picture(height, width), section, 32, np.random.default_rng(seed))
    assert view.shape == (32, 32, 3)
    assert view.dtype == np.uint8


def test_the_same_seed_gives_the_same_view_and_another_one_another() -> None:
    pixels = picture(80, 60)
    first, again, other = (augment(pixels, EVERYTHING, 32, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_augmentation_a_native_view_is_a_part_of_the_picture() -> None:
    pixels = picture(40, 50)
    view = augment(pixels, NOTHING, 32, np.random.default_rng(3))
    places = np.lib.stride_tricks.sliding_window_view(pixels, (32, 32, 3))
    assert any(np.array_equal(view, place) for place in places.reshape(-1, 32, 32, 3))


def test_a_flip_shows_the_picture_mirrored() -> None:
    pixels = picture(32, 32)
    flipped = NOTHING.model_copy(update={"flip": 1.0})
    assert np.array_equal(augment(pixels, flipped, 32, np.random.default_rng(0)), pixels[:, ::-1])


def test_a_view_can_be_written_to_and_the_picture_stays_as_it_was() -> None:
    pixels = picture(32, 32)
    before = pixels.copy()
    view = augment(pixels, NOTHING, 32, np.random.default_rng(0))
    view[:] = 0
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("name", ["photos", "paper", "cifake"])
def test_shipped_recipes_change_most_pictures(name: str) -> None:
    recipe = load_recipe(name)
    pixels = picture(recipe.views.size, recipe.views.size)
    views = [augment(pixels, recipe.augment, recipe.views.size, np.random.default_rng(i)) for i in range(8)]
    assert sum(np.array_equal(view, pixels) for view in views) <= 2


def test_lower_quality_leaves_less_of_the_picture() -> None:
    pixels = np.repeat(picture(64, 64)[..., :1], 3, axis=2)
    far, near = (
        np.abs(
            compress(
                pixels,
                AugmentSection(quality_low=quality, quality_high=quality, compress_webp=0),
                np.random.default_rng(0),
            ).astype(int)
            - pixels
        ).mean()
        for quality in (20, 98)
    )
    assert far > 2 * near
