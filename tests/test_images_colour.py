"""Any depth, palette, transparency and colour profile becomes 8-bit sRGB on white."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image

from aivsreal.images import open_picture
from tests.data import profiles
from tests.data.draw import QUARTERS, as_bytes, corners, difference, flat, photo, png_of, quarters

EXACT = {"PNG", "TIFF", "BMP"}
RED, GREEN, BLUE, YELLOW = QUARTERS


def center(data: bytes) -> np.ndarray:
    pixels = open_picture(data).pixels
    return pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_to_eight(format):
    grey = np.asarray(Image.fromarray(photo(64, 48)).convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 256 + 37)

    picture = open_picture(as_bytes(deep, format))

    assert picture.facts.mode.startswith("I;16")
    assert np.array_equal(picture.pixels, np.stack([grey] * 3, axis=2))


def test_sixteen_bit_colour_is_scaled_to_eight():
    colour = photo(16, 12)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colour.astype(np.uint16) * 256 + 37)
    data = png_of(16, 12, depth=16, kind=2, packed=zlib.compress(rows))

    assert np.array_equal(open_picture(data).pixels, colour)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_floating_point_grey_is_scaled_by_its_range(top):
    ramp = np.linspace(0, top, 64, dtype=np.float32).reshape(8, 8)

    pixels = open_picture(as_bytes(Image.fromarray(ramp), "TIFF")).pixels

    assert pixels.min() == 0
    assert pixels.max() == 255
    assert difference(pixels[..., 0], ramp / top * 255) < 1


def test_floating_point_without_a_number_is_black():
    values = np.array([[np.nan, np.inf], [0.5, 1.0]], np.float32)

    pixels = open_picture(as_bytes(Image.fromarray(values), "TIFF")).pixels

    assert pixels[..., 0].tolist() == [[0, 0], [128, 255]]


def test_whole_numbers_of_32_bits_are_scaled():
    values = np.array([[0, 65535], [32768, -5]], np.int32)

    pixels = open_picture(as_bytes(Image.fromarray(values), "TIFF")).pixels

    assert pixels[..., 0].tolist() == [[0, 255], [128, 0]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "YCbCr", "LAB", "RGBX"])
def test_every_kind_of_colour_becomes_three_bytes(mode):
    grey = flat(32, 24, (255, 255, 255))
    image = (
        Image.fromarray(grey).convert("LA").convert("PA")
        if mode == "PA"
        else Image.fromarray(grey).convert(mode)
    )

    pixels = open_picture(as_bytes(image, "TIFF")).pixels

    assert pixels.shape == (24, 32, 3)
    assert difference(pixels, (255, 255, 255)) < 2


@pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_transparency_is_flattened_on_white(format):
    colour = np.dstack([flat(32, 32, (200, 0, 0)), np.full((32, 32), 255, np.uint8)])
    colour[:, :16, 3] = 0
    colour[:16, 16:, 3] = 128
    options = {"lossless": True} if format == "WEBP" else {"quality": 100}

    pixels = open_picture(as_bytes(colour, format, **({} if format in EXACT else options))).pixels

    assert difference(pixels[8:24, 4:12], (255, 255, 255)) < 2
    assert difference(pixels[4:12, 20:28], (227, 127, 127)) < 3
    assert difference(pixels[20:28, 20:28], (200, 0, 0)) < 3


@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_is_white(format):
    image = Image.fromarray(quarters()).quantize(4)
    red = image.getpixel((4, 4))

    pixels = open_picture(as_bytes(image, format, transparency=red)).pixels

    assert difference(corners(pixels), ((255, 255, 255), GREEN, BLUE, YELLOW)) < 2


def test_a_palette_with_degrees_of_transparency_is_blended():
    image = Image.fromarray(flat(8, 8, (0, 0, 0))).quantize(1)

    pixels = open_picture(as_bytes(image, "PNG", transparency=b"\x80")).pixels

    assert difference(pixels, (127, 127, 127)) < 2


@pytest.mark.parametrize(
    ("pixels", "transparent"),
    [
        (np.full((4, 4), 7, np.uint8), 7),
        (np.full((4, 4), 700, np.uint16), 700),
        (flat(4, 4, (1, 2, 3)), (1, 2, 3)),
    ],
)
def test_one_transparent_value_without_a_palette_is_white(pixels, transparent):
    data = as_bytes(pixels, "PNG", transparency=transparent)

    assert difference(open_picture(data).pixels, (255, 255, 255)) == 0


@pytest.mark.parametrize("colour", [(200, 60, 60), (90, 160, 90), (30, 30, 30), (128, 100, 220)])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_a_wide_gamut_profile_is_brought_to_srgb(format, colour):
    data = as_bytes(flat(8, 8, colour), format, icc_profile=profiles.wide_gamut())

    picture = open_picture(data)

    assert picture.facts.has_icc
    assert difference(picture.pixels[4, 4], profiles.adobe_rgb_to_srgb(colour)) < 1.5


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "HEIF"])
def test_every_format_with_a_profile_is_brought_to_srgb(format):
    data = as_bytes(flat(32, 32, (60, 160, 60)), format, quality=95, icc_profile=profiles.wide_gamut())

    assert difference(center(data), profiles.adobe_rgb_to_srgb((60, 160, 60))) < 4


def test_transparency_is_flattened_after_the_profile():
    colour = np.dstack([flat(8, 8, (60, 160, 60)), np.full((8, 8), 128, np.uint8)])

    shown = center(as_bytes(colour, "PNG", icc_profile=profiles.wide_gamut()))

    assert difference(shown, profiles.adobe_rgb_to_srgb((60, 160, 60)) / 2 + 127) < 2


def test_a_profile_that_is_srgb_in_all_but_name_changes_no_pixel():
    pixels = photo(64, 48)

    picture = open_picture(as_bytes(pixels, "PNG", icc_profile=profiles.nearly_srgb()))

    assert np.array_equal(picture.pixels, pixels)


def test_a_grey_profile_is_applied():
    linear = Image.fromarray(np.full((8, 8), 55, np.uint8))

    shown = center(as_bytes(linear, "PNG", icc_profile=profiles.grey(gamma=1.0)))

    assert difference(shown, (128, 128, 128)) < 2  # 21.6 % of the light is the middle of sRGB


def test_a_colour_profile_is_applied_to_a_grey_picture():
    linear = Image.fromarray(np.full((8, 8), 55, np.uint8))

    shown = center(as_bytes(linear, "PNG", icc_profile=profiles.wide_gamut(gamma=1.0)))

    assert difference(shown, (128, 128, 128)) < 2


def test_an_ink_profile_says_how_ink_looks():
    paper_and_cyan = np.zeros((16, 32, 4), np.uint8)
    paper_and_cyan[:, 16:, 0] = 255
    image = Image.fromarray(paper_and_cyan, "CMYK")

    pixels = open_picture(as_bytes(image, "TIFF", icc_profile=profiles.ink())).pixels

    assert difference(pixels[8, 4], (255, 255, 255)) < 2
    assert difference(pixels[8, 24], (0, 148, 218)) < 12  # CIE Lab 55, -37, -50; without it (0, 255, 255)


@pytest.mark.parametrize(
    "profile",
    [b"no profile at all", profiles.wide_gamut()[:200], profiles.ink(), b"\0" * 500],
    ids=["text", "cut", "for ink", "zeros"],
)
def test_a_profile_that_is_broken_or_does_not_fit_is_ignored(profile):
    pixels = photo(32, 24)

    picture = open_picture(as_bytes(pixels, "PNG", icc_profile=profile))

    assert np.array_equal(picture.pixels, pixels)
