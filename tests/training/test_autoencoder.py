"""The auto-encoder that makes fakes of photographs: sizes, and with its real weights what it gives back."""

from pathlib import Path

import numpy as np
import pytest

from aivsreal.errors import BadData
from aivsreal.training.autoencoder import Autoencoder, load_autoencoder
from tests.data.draw import photo


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 31), (64, 48)])
def test_a_reconstruction_has_the_size_of_its_picture(size: tuple[int, int]) -> None:
    pixels = photo(*size)
    taken = Autoencoder().eval().reconstruct(pixels)
    assert taken.shape == pixels.shape
    assert taken.dtype == np.uint8


def test_a_photograph_comes_back_alike_and_not_the_same(shared: Path) -> None:
    pixels = photo(208, 150)
    taken = load_autoencoder(shared / "weights").reconstruct(pixels)
    error = np.square(taken.astype(float) - pixels).mean()
    assert 1 < error < 150
    assert np.abs(taken.mean((0, 1)) - pixels.mean((0, 1))).max() < 3


def test_a_folder_without_its_weights_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="taef2_encoder"):
        load_autoencoder(tmp_path)


def test_weights_of_something_else_are_told_of(tmp_path: Path) -> None:
    (tmp_path / "taef2_encoder.fp16.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(BadData, match="taef2_encoder"):
        load_autoencoder(tmp_path)
