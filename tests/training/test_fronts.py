"""What networks are shown instead of pixels, and the small trunks: as described, and the same in ONNX."""

import numpy as np
import pytest
import torch
from scipy.ndimage import median_filter

from aivsreal.training.backbones import OWN
from aivsreal.training.export import TOLERANCE, largest_difference, to_onnx
from aivsreal.training.fronts import FRONTS, diagonal_detail, median_residual, spectrum, upsampling_residual
from aivsreal.training.network import make_network
from aivsreal.training.recipe import NetworkSection

SMALL = {"channels": [8, 8, 8, 8]}


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_the_median_is_that_of_nine_neighbours() -> None:
    x = drawn(1, 3, 9, 12)
    expected = np.stack([median_filter(band, 3, mode="nearest") for band in x[0].numpy()])
    assert np.allclose((x - median_residual(x))[0].numpy(), expected, atol=1e-6)


def test_what_was_doubled_leaves_no_residual() -> None:
    doubled = drawn(1, 3, 8, 8).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert float(upsampling_residual(doubled).abs().max()) == 0
    assert float(diagonal_detail(doubled).abs().max()) == 0
    assert float(upsampling_residual(drawn(1, 3, 9, 7)).abs().max()) > 0


def test_the_spectrum_is_that_of_the_fourier_transform() -> None:
    x = drawn(1, 3, 16, 20).double()
    hann = [torch.from_numpy(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n)) for n in (16, 20)]
    shifted = torch.fft.fftshift(torch.fft.fft2(x * hann[0][:, None] * hann[1]), dim=(2, 3))
    power = torch.log(shifted.abs().square() + 1e-3)
    assert torch.allclose(spectrum(x), (power - power.mean(dim=(2, 3), keepdim=True)) / 2, atol=1e-6)


@pytest.mark.parametrize("front", [name for name in FRONTS if name != "pixels"])
def test_a_front_is_part_of_the_graph(front: str) -> None:
    section = NetworkSection(backbone="resnet10t", trunk="scratch", trunk_options=SMALL, front=front)
    network = make_network(section).eval()
    assert largest_difference(network, to_onnx(network, 32), 32) < TOLERANCE


@pytest.mark.parametrize("name", [name for name in OWN if name != "vgg16_convolutions"])
def test_a_small_trunk_gives_as_many_features_as_it_says(name: str) -> None:
    network = make_network(NetworkSection(backbone=name, trunk="scratch")).eval()
    pictures = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    assert network.pooled(pictures).shape == (2, network.width)


def test_no_place_of_the_patch_network_sees_more_than_nine_pixels() -> None:
    trunk = OWN["patches_of_nine"]().eval()
    x = drawn(1, 3, 33, 33).requires_grad_()
    trunk.forward_features(x)[0, :, 7, 7].sum().backward()
    assert x.grad is not None
    rows, columns = (torch.where(x.grad.abs().sum(dim=(0, 1, axis)) > 0)[0] for axis in (3, 2))
    assert int(rows.max() - rows.min()) + 1 == 9
    assert int(columns.max() - columns.min()) + 1 == 9


def test_a_pooling_in_the_stem_keeps_its_resolution_too() -> None:
    sides = []
    for stages in (0, 1, 2):
        section = NetworkSection(backbone="resnet18", trunk="scratch", full_resolution_stages=stages)
        sides.append(
            make_network(section).eval().features(torch.zeros(1, 32, 32, 3, dtype=torch.uint8)).shape[2]
        )
    assert sides == [1, 2, 4]
