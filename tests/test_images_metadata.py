"""Metadata taken off and profiles put on byte for byte: the picture that is seen stays the same."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from aivsreal.images import inspect, open_picture, srgb_profile, with_profile, without_metadata
from tests.data.draw import as_bytes, exif_of, photo, quarters

FORMATS = ["JPEG", "PNG", "WEBP"]


def bare(file: bytes) -> bytes:
    found = without_metadata(file)
    assert found is not None
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_a_turned_picture_stays_turned_without_its_other_exif(format: str) -> None:
    file = as_bytes(quarters(64, 48), format, exif=exif_of(orientation=6, make="Canon", model="R6"))
    clean = bare(file)
    assert inspect(clean).camera is None
    assert b"Canon" not in clean
    assert (inspect(clean).width, inspect(clean).height) == (48, 64)
    assert (open_picture(clean).pixels == open_picture(file).pixels).all()


@pytest.mark.parametrize("format", FORMATS)
def test_an_upright_picture_keeps_no_exif_at_all(format: str) -> None:
    file = as_bytes(photo(40, 30), format, exif=exif_of(orientation=1, make="Canon"))
    assert not inspect(bare(file)).has_exif


@pytest.mark.parametrize("format", FORMATS)
def test_the_colour_profile_stays(format: str) -> None:
    file = as_bytes(photo(40, 30), format, icc_profile=srgb_profile(), exif=exif_of(make="Canon"))
    assert inspect(bare(file)).has_icc


def test_comments_and_texts_go() -> None:
    stream, text = io.BytesIO(), PngInfo()
    text.add_text("parameters", "a castle, Steps: 20, Sampler: Euler")
    Image.fromarray(photo(40, 30)).save(stream, "PNG", pnginfo=text)
    assert b"Sampler" not in bare(stream.getvalue())
    assert b"secret" not in bare(as_bytes(photo(40, 30), "JPEG", comment=b"secret"))


def test_four_coloured_jpeg_keeps_its_colours_and_takes_no_rgb_profile() -> None:
    file = as_bytes(Image.fromarray(photo(40, 30)).convert("CMYK"), "JPEG")
    assert (open_picture(bare(file)).pixels == open_picture(file).pixels).all()
    assert with_profile(file, srgb_profile()) is None


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_grey_and_profiled_pictures_take_no_profile(format: str) -> None:
    assert with_profile(as_bytes(photo(40, 30)[..., 0], format), srgb_profile()) is None
    assert with_profile(as_bytes(photo(40, 30), format, icc_profile=srgb_profile()), srgb_profile()) is None


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_an_attached_profile_is_read_back_whole(format: str) -> None:
    tagged = with_profile(as_bytes(photo(40, 30), format), srgb_profile())
    assert tagged is not None
    assert Image.open(io.BytesIO(tagged)).info["icc_profile"] == srgb_profile()


@pytest.mark.parametrize("format", ["GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_other_kinds_are_left_to_be_saved_anew(format: str) -> None:
    file = as_bytes(photo(64, 48), format)
    assert without_metadata(file) is None
    assert with_profile(file, srgb_profile()) is None


def test_fill_bytes_between_segments_are_stepped_over() -> None:
    file = as_bytes(photo(40, 30), "JPEG", exif=exif_of(make="Canon"))
    padded = file[:2] + b"\xff\xff\xff" + file[2:]
    assert (open_picture(bare(padded)).pixels == open_picture(file).pixels).all()


@given(st.sampled_from(FORMATS), st.integers(16, 900), st.binary(min_size=1, max_size=40))
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_cut_or_left_but_never_an_error(format: str, place: int, damage: bytes) -> None:
    file = bytearray(as_bytes(np.zeros((16, 16, 3), np.uint8), format, exif=exif_of(make="Canon")))
    file[place : place + len(damage)] = damage
    for found in (without_metadata(bytes(file)), with_profile(bytes(file), srgb_profile())):
        assert found is None or isinstance(found, bytes)
