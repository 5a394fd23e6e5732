"""Pixels become files and other sizes, and come back as they were."""

from __future__ import annotations

import numpy as np
import pytest

from aivsreal.images import Facts, encode, encoding, inspect, open_picture, picture, resize
from tests.data.draw import difference, flat, photo


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_encoded_jpeg_has_the_quality_and_subsampling_asked_for(subsampling):
    facts = inspect(encode(photo(64, 48), quality=80, subsampling=subsampling))

    assert facts == Facts(
        format="JPEG", width=64, height=48, n_bytes=facts.n_bytes, sha256=facts.sha256, mode="RGB",
        quality=80, subsampling=subsampling, progressive=False,
    )  # fmt: skip


@pytest.mark.parametrize(("format", "loss"), [("PNG", 0), ("WEBP", 8), ("JPEG", 8)])
def test_encoded_pixels_come_back(format, loss):
    pixels = photo(64, 48)

    picture = open_picture(encode(pixels, format=format))

    assert picture.facts.format == format
    assert difference(picture.pixels, pixels) <= loss


@pytest.mark.parametrize(
    "wrong", [{"format": "GIF"}, {"quality": 0}, {"quality": 101}, {"subsampling": "4:1:1"}]
)
def test_encode_refuses_what_it_does_not_know(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        encode(flat(8, 8), **wrong)


@pytest.mark.parametrize("resample", ["lanczos", "bicubic", "bilinear", "area"])
def test_resizing_is_antialiased(resample):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255

    small = resize(stripes, (16, 8), resample=resample)

    assert small.shape == (8, 16, 3)
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() <= 8


def test_resizing_keeps_greys_and_floating_point_maps():
    assert resize(np.full((4, 6), 9, np.uint8), (3, 2)).tolist() == [[9] * 3] * 2
    enlarged = resize(np.array([[-5.5, 7.25]], np.float32), (2, 3), resample="bilinear")
    assert enlarged.dtype == np.float32
    assert enlarged.tolist() == [[-5.5, 7.25]] * 3


def test_resizing_to_the_same_size_changes_nothing():
    pixels = photo(32, 24)
    assert resize(pixels, (32, 24)) is pixels


@pytest.mark.parametrize("size", [(224, 168), (300, 20), (130, 900), (799, 600), (1200, 900), (900, 100)])
@pytest.mark.parametrize("resample", ["lanczos", "bicubic", "bilinear", "area"])
@pytest.mark.parametrize("kind", ["colour", "grey", "heat map"])
def test_a_large_picture_is_resized_in_bands_to_the_same_pixels(monkeypatch, size, resample, kind):
    rng = np.random.default_rng(0)
    pixels = {
        "colour": rng.integers(0, 256, (600, 800, 3), dtype=np.uint8),
        "grey": rng.integers(0, 256, (600, 800), dtype=np.uint8),
        "heat map": rng.normal(0, 5, (600, 800)).astype(np.float32),
    }[kind]
    at_once = resize(pixels, size, resample=resample)

    monkeypatch.setattr(encoding, "BAND_PIXELS", 33_333)

    assert np.array_equal(resize(pixels, size, resample=resample), at_once)


def test_a_large_picture_is_read_in_bands_to_the_same_pixels(monkeypatch):
    data = encode(photo(301, 203), format="PNG")
    at_once = open_picture(data).pixels

    monkeypatch.setattr(picture, "BAND_PIXELS", 7_777)

    assert np.array_equal(open_picture(data).pixels, at_once)
