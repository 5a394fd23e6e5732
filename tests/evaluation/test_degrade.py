"""Degradations treat every picture alike, are the same each time, and do what their names say."""

from collections.abc import Callable

import numpy as np
import pytest

from aivsreal.evaluation.degrade import DEGRADATIONS, HARMLESS, TIERS, align, delivered, hard, noisy, web
from aivsreal.images import inspect, open_picture
from tests.data.draw import as_bytes, difference, exif_of, flat, photo

EVERY = ["aligned", *TIERS, *DEGRADATIONS, *HARMLESS]


def after(name: str, pixels: np.ndarray, file: bytes | None = None) -> np.ndarray:
    """The pixels that a user gets of a PNG file (or of `file`) after this delivery."""
    return open_picture(delivered(name, file or as_bytes(pixels, "PNG"), pixels)).pixels


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


def test_web_is_three_quarters_of_the_size_at_quality_70() -> None:
    facts = inspect(web(photo(400, 300)))
    assert (facts.width, facts.height, facts.quality, facts.subsampling) == (300, 225, 70, "4:2:0")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1000, 800), (400, 320)),
        ((400, 400), (160, 160)),
        ((300, 200), (192, 128)),
        ((150, 150), (120, 120)),
        ((32, 32), (26, 26)),
        ((1, 1), (1, 1)),
    ],
)
def test_hard_halves_the_middle_to_no_less_than_128_and_enlarges_nothing(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    facts = inspect(hard(flat(*before)))
    assert (facts.width, facts.height) == after


def test_hard_was_saved_at_50_before_it_was_saved_at_75() -> None:
    once = open_picture(as_bytes(photo(300, 300)[30:270, 30:270], "JPEG", quality=75)).pixels
    assert inspect(hard(photo(300, 300))).quality == 75
    assert hard(photo(300, 300)) != as_bytes(once, "JPEG", quality=75)


@pytest.mark.parametrize("name", EVERY)
def test_every_delivery_is_a_readable_file_and_the_same_each_time(name: str) -> None:
    pixels = photo(90, 70, seed=3)
    file = as_bytes(pixels, "JPEG")
    assert inspect(delivered(name, file, pixels)).n_bytes > 0
    assert delivered(name, file, pixels) == delivered(name, file, pixels)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_every_delivery_survives_the_smallest_pictures(name: str, size: tuple[int, int]) -> None:
    pixels = photo(*size)
    assert after(name, pixels).size > 0


def test_noise_differs_from_picture_to_picture_and_has_its_deviation() -> None:
    a, b = flat(64, 64, (100, 100, 100)), flat(64, 64, (101, 100, 100))
    noise_a, noise_b = (open_picture(noisy(p, 10)).pixels.astype(int) - p for p in (a, b))
    assert noise_a.std() == pytest.approx(10, rel=0.05)
    assert np.corrcoef(noise_a.ravel(), noise_b.ravel())[0, 1] < 0.1


def banding(pixels: np.ndarray) -> float:
    """How much of a picture's waves is one wave, of two or more pixels: near 0 for noise, high for moiré."""
    grey = pixels.astype(float).mean(2)
    power = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    power[:4, :4] = power[-4:, :4] = 0
    return float(power.max() / power.sum())


def test_a_photograph_of_a_screen_shows_its_stripes_beat_with_the_cameras_pixels() -> None:
    grey = flat(240, 200, (128, 128, 128))
    assert banding(after("screen-photo", grey)) > 20 * banding(after("noise-4", grey))


def test_a_photograph_of_a_screen_is_darker_at_the_rim_and_about_as_bright_in_the_middle() -> None:
    seen = after("screen-photo", flat(240, 200, (128, 128, 128))).astype(float)
    assert seen.shape == (200, 240, 3)
    assert np.abs(seen[80:120, 100:140].mean() - 128) < 16
    assert seen[:10, :10].mean() < seen[80:120, 100:140].mean() - 10


def test_a_photograph_of_a_screen_is_skewed_and_shows_the_same() -> None:
    pixels = photo(240, 200)
    seen = after("screen-photo", pixels)
    alike = np.corrcoef(seen[40:160, 40:200].ravel(), pixels[40:160, 40:200].ravel())[0, 1]
    assert 0.5 < alike < 0.999
    assert (after("screen-photo", photo(240, 200, seed=1)) != seen).any()


def test_a_large_picture_is_photographed_from_a_screen_no_larger_than_a_window() -> None:
    facts = inspect(delivered("screen-photo", b"", flat(2600, 1300)))
    assert (facts.width, facts.height, facts.quality) == (1280, 640, 85)


@pytest.mark.parametrize(
    ("name", "size"),
    [("telegram", (1280, 853)), ("x", (1200, 800)), ("facebook", (1500, 1000)), ("instagram", (1080, 720))],
)
def test_services_bring_a_picture_to_their_long_side(name: str, size: tuple[int, int]) -> None:
    pixels = flat(1500, 1000)
    facts = inspect(delivered(name, b"", pixels))
    assert (facts.width, facts.height, facts.format) == (*size, "JPEG")


def test_there_are_twelve_harmless_changes_and_all_names_differ() -> None:
    assert len(set(HARMLESS)) == 12
    assert len(set(EVERY)) == len(EVERY)


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_change_leaves_the_picture_what_it_was(name: str) -> None:
    pixels = photo(120, 100, seed=5)
    changed = after(name, pixels)
    assert np.abs(changed.mean((0, 1)) - pixels.mean((0, 1))).max() < 4
    assert min(changed.shape[:2]) >= 0.75 * 100


def test_a_flip_and_a_shift_move_every_pixel_and_alter_none() -> None:
    pixels = photo(60, 50)
    assert (after("same-flip", pixels)[:, ::-1] == pixels).all()
    assert (after("same-shift-1", pixels) == pixels[1:, 1:]).all()


def test_two_generations_do_not_share_a_grid_of_blocks() -> None:
    facts = inspect(delivered("two-generations", b"", photo(160, 120)))
    assert (facts.width, facts.height, facts.quality) == (157, 117, 70)


@pytest.mark.parametrize("make", ["screenshot", "caption"])
def test_what_is_drawn_on_a_picture_is_drawn(make: str) -> None:
    pixels = flat(200, 160, (90, 140, 60))
    changed = after(make, pixels)
    assert changed.min() < 60
    assert changed.max() > 230


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_metadata_goes_and_not_a_pixel_changes(format: str) -> None:
    file = as_bytes(photo(80, 60), format, exif=exif_of(make="Canon", model="R6"))
    pixels = open_picture(file).pixels
    bare = delivered("same-no-metadata", file, pixels)
    assert (inspect(file).camera, inspect(bare).camera) == ("Canon R6", None)
    assert inspect(bare).format == format
    assert len(bare) < len(file)
    assert difference(open_picture(bare).pixels, pixels) == 0


def re_tagged(make: Callable[[], bytes]) -> tuple[bytes, bytes]:
    file = make()
    return file, delivered("same-srgb-tag", file, open_picture(file).pixels)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_tag_that_says_srgb_changes_no_pixel(format: str) -> None:
    file, tagged = re_tagged(lambda: as_bytes(photo(80, 60), format))
    assert inspect(tagged).has_icc
    assert inspect(tagged).format == (format if format in ("JPEG", "PNG") else "PNG")
    assert difference(open_picture(tagged).pixels, open_picture(file).pixels) == 0
