"""Every format and every oddity that is a picture: opened upright, whole, with its facts."""

from __future__ import annotations

import hashlib
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from aivsreal.images import inspect, open_picture, resize
from tests.data import profiles
from tests.data.draw import QUARTERS, as_bytes, corners, difference, exif_of, flat, photo, quarters, write

FORMATS = ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "TIFF", "BMP"]
WITH_EXIF = ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"]
EXACT = {"PNG", "TIFF", "BMP"}

RED, GREEN, BLUE, YELLOW = QUARTERS
UPRIGHT = {  # EXIF orientation -> the quarters as seen: upper left, upper right, lower left, lower right
    1: (RED, GREEN, BLUE, YELLOW),
    2: (GREEN, RED, YELLOW, BLUE),
    3: (YELLOW, BLUE, GREEN, RED),
    4: (BLUE, YELLOW, RED, GREEN),
    5: (RED, BLUE, GREEN, YELLOW),
    6: (BLUE, RED, YELLOW, GREEN),
    7: (YELLOW, GREEN, BLUE, RED),
    8: (GREEN, YELLOW, RED, BLUE),
}


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_gives_the_picture_that_was_saved(format, tmp_path):
    pixels = photo(160, 120, seed=1)
    path = write(tmp_path / "a", pixels, format=format)

    picture = open_picture(path)

    assert picture.pixels.shape == (120, 160, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.scale == 1.0
    assert difference(picture.pixels, pixels) <= (0 if format in EXACT else 8)
    assert (picture.facts.format, picture.facts.width, picture.facts.height) == (format, 160, 120)


@pytest.mark.parametrize("format", FORMATS)
def test_a_path_a_string_and_bytes_give_the_same(format, tmp_path):
    path = write(tmp_path / "wrong-name.txt", photo(64, 48), format=format)

    from_path, from_string, from_bytes = (
        open_picture(path),
        open_picture(str(path)),
        open_picture(path.read_bytes()),
    )

    assert from_path.facts == from_string.facts == from_bytes.facts
    assert np.array_equal(from_path.pixels, from_bytes.pixels)


@pytest.mark.parametrize("format", FORMATS)
def test_inspect_tells_the_same_facts_as_opening(format):
    data = as_bytes(photo(64, 48), format)

    facts = inspect(data)

    assert facts == open_picture(data).facts
    assert facts.n_bytes == len(data)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_of_one_pixel_is_a_picture(format):
    assert open_picture(as_bytes(flat(1, 1), format)).pixels.shape == (1, 1, 3)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", WITH_EXIF)
def test_orientation_is_applied(format, orientation):
    data = as_bytes(quarters(64, 48), format, exif=exif_of(orientation))

    picture = open_picture(data)

    size = (48, 64) if orientation >= 5 else (64, 48)
    assert (picture.facts.width, picture.facts.height) == size
    assert picture.pixels.shape == (size[1], size[0], 3)
    assert difference(corners(picture.pixels), UPRIGHT[orientation]) < 4


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"])
def test_a_compressed_tiff_is_turned_upright_once(compression):
    data = as_bytes(quarters(64, 48), "TIFF", compression=compression, exif=exif_of(6))

    assert difference(corners(open_picture(data).pixels), UPRIGHT[6]) < 8


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_a_senseless_orientation_is_ignored(orientation):
    data = as_bytes(quarters(64, 48), "JPEG", exif=exif_of(orientation))

    assert difference(corners(open_picture(data).pixels), UPRIGHT[1]) < 4


def test_orientation_behind_the_pixels_of_a_png_is_applied():
    plain = as_bytes(quarters(64, 48), "PNG")
    block = exif_of(6).removeprefix(b"Exif\0\0")
    chunk = b"eXIf" + block
    late = plain[:-12] + struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk))

    picture = open_picture(late + plain[-12:])

    assert (picture.facts.width, picture.facts.height) == (48, 64)
    assert difference(corners(picture.pixels), UPRIGHT[6]) == 0


@pytest.mark.parametrize("quality", range(1, 101))
def test_jpeg_quality_is_read_from_its_tables(quality):
    assert inspect(as_bytes(flat(16, 16), "JPEG", quality=quality)).quality == quality


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("progressive", [True, False])
def test_jpeg_subsampling_and_order_are_told(subsampling, progressive):
    data = as_bytes(photo(64, 48), "JPEG", subsampling=subsampling, progressive=progressive)

    facts = open_picture(data).facts

    assert (facts.subsampling, facts.progressive, facts.mode) == (subsampling, progressive, "RGB")


def test_a_grey_jpeg_has_three_equal_colours():
    data = as_bytes(Image.fromarray(photo(64, 48)).convert("L"), "JPEG")

    picture = open_picture(data)

    assert picture.facts.subsampling == "4:0:0"
    assert picture.facts.mode == "L"
    assert np.ptp(picture.pixels, axis=2).max() == 0


def test_an_inverted_cmyk_jpeg_shows_its_colours():
    data = as_bytes(Image.fromarray(quarters()).convert("CMYK"), "JPEG", quality=95)

    picture = open_picture(data)

    assert b"Adobe" in data
    assert picture.facts.mode == "CMYK"
    assert difference(corners(picture.pixels), UPRIGHT[1]) < 6


def test_several_pictures_in_one_jpeg_give_the_first():
    first, second = Image.fromarray(quarters()), Image.fromarray(photo(64, 48))
    data = as_bytes(first, "MPO", save_all=True, append_images=[second])

    picture = open_picture(data)

    assert (picture.facts.format, picture.facts.frames) == ("MPO", 2)
    assert difference(corners(picture.pixels), UPRIGHT[1]) < 4


def test_odd_markers_and_trailing_bytes_do_not_hurt_a_jpeg():
    plain = as_bytes(quarters(), "JPEG")
    comment, unknown = b"\xff\xfe\x00\x06note", b"\xff\xef\x00\x04\xff\xd8"
    odd = plain[:2] + comment + unknown + b"\xff\xff\xff" + plain[2:] + b"\0" * 100 + b"trailing \xff\xd8\xff"

    assert np.array_equal(open_picture(odd).pixels, open_picture(plain).pixels)


def test_a_large_jpeg_is_decoded_smaller_where_that_suffices():
    pixels = photo(800, 600, seed=3)
    data = as_bytes(pixels, "JPEG", quality=95, exif=exif_of(6))

    picture = open_picture(data, short_side=150)

    assert picture.scale == 0.25
    assert picture.pixels.shape == (200, 150, 3)
    assert (picture.facts.width, picture.facts.height) == (600, 800)
    reduced = resize(np.rot90(pixels, -1), (150, 200), resample="area")
    assert difference(picture.pixels, reduced) < 3


@pytest.mark.parametrize(("short_side", "scale"), [(75, 0.125), (76, 0.25), (151, 0.5), (301, 1), (9999, 1)])
def test_the_short_side_asked_for_is_never_undercut(short_side, scale):
    picture = open_picture(as_bytes(flat(801, 601), "JPEG"), short_side=short_side)

    assert picture.scale == scale
    assert scale == 1 or min(picture.pixels.shape[:2]) >= short_side


@pytest.mark.parametrize("format", ["PNG", "WEBP", "HEIF"])
def test_only_jpeg_is_decoded_smaller(format):
    assert open_picture(as_bytes(flat(256, 256), format), short_side=16).scale == 1.0


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP", "TIFF", "AVIF"])
def test_of_many_frames_the_first_is_shown(format):
    first, others = Image.fromarray(quarters()), [Image.fromarray(flat(64, 48))] * 2
    data = as_bytes(first, format, save_all=True, append_images=[*others, Image.fromarray(photo(64, 48))])

    picture = open_picture(data)

    assert picture.facts.frames >= 2
    assert difference(corners(picture.pixels), UPRIGHT[1]) < 8


def test_frames_of_a_gif_are_counted():
    frames = [Image.fromarray(photo(32, 24, seed)) for seed in range(5)]

    assert inspect(as_bytes(frames[0], "GIF", save_all=True, append_images=frames[1:])).frames == 5


@pytest.mark.parametrize("format", WITH_EXIF)
def test_the_camera_is_named(format):
    data = as_bytes(photo(32, 24), format, exif=exif_of(1, "Canon", "Canon EOS R6"))

    assert inspect(data).camera == "Canon EOS R6"


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "Z 6", "NIKON CORPORATION Z 6"),
        ("Apple", None, "Apple"),
        (None, "Pixel 8", "Pixel 8"),
        (" \n", "", None),
        ("\x1b[31mred", "\x07", "[31mred"),
        ("x" * 5000, None, "x" * 64),
    ],
)
def test_a_camera_name_is_one_clean_line(make, model, camera):
    assert inspect(as_bytes(flat(8, 8), "JPEG", exif=exif_of(1, make, model))).camera == camera


def test_a_bare_picture_has_no_exif_profile_or_camera():
    facts = inspect(as_bytes(flat(8, 8), "PNG"))

    assert (facts.has_exif, facts.has_icc, facts.camera, facts.quality) == (False, False, None, None)
    assert facts.progressive is None


def test_corrupt_exif_is_no_reason_to_refuse_a_picture(recwarn):
    exif = bytearray(exif_of(6, "Canon", "EOS"))
    exif[14:] = b"\xff" * (len(exif) - 14)

    picture = open_picture(as_bytes(photo(32, 24), "JPEG", exif=bytes(exif)))

    assert picture.facts == inspect(as_bytes(photo(32, 24), "JPEG", exif=bytes(exif)))
    assert not recwarn.list


def test_many_threads_read_the_same(tmp_path):
    paths = [
        write(tmp_path / f"{number}", photo(96, 64, number), format=format, **options)
        for number, (format, options) in enumerate(
            [(format, {}) for format in FORMATS]
            + [
                ("JPEG", {"icc_profile": profiles.wide_gamut()}),
                ("PNG", {"icc_profile": profiles.wide_gamut()}),
            ]
        )
    ]
    alone = [open_picture(path) for path in paths]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(open_picture, paths * 8))

    for number, picture in enumerate(together):
        assert picture.facts == alone[number % len(paths)].facts
        assert np.array_equal(picture.pixels, alone[number % len(paths)].pixels)


def test_pixels_cannot_be_changed_by_accident():
    assert not open_picture(as_bytes(flat(8, 8), "PNG")).pixels.flags.writeable


def test_a_picture_above_the_band_size_is_copied_whole():
    pixels = np.tile(photo(500, 300), (10, 7, 1))

    picture = open_picture(as_bytes(pixels, "BMP"))

    assert np.array_equal(picture.pixels, pixels)
    assert not picture.pixels.flags.writeable
