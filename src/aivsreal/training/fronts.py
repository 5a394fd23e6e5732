"""What a network is shown instead of pixels: filters without weights, part of the graph like normalisation.

Each takes and gives float [n, 3, h, w]. All are written in operations that every ONNX runtime has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

# Pairs of a network that leaves the median of nine in the middle (Smith 1996, "Implementing median filters in
# XC4000E FPGAs").
_MEDIAN_OF_NINE = (
    *((1, 2), (4, 5), (7, 8), (0, 1), (3, 4), (6, 7), (1, 2), (4, 5), (7, 8), (0, 3)),
    *((5, 8), (4, 7), (3, 6), (1, 4), (2, 5), (4, 7), (4, 2), (6, 4), (4, 2)),
)


def pixels(normal: Tensor) -> Tensor:
    """Return the picture itself."""
    return normal


def median_residual(normal: Tensor) -> Tensor:
    """Return what is left of each pixel without the median of its 3 x 3 neighbours.

    The idea of FerretNet (Liang et al. 2025, "FerretNet: efficient synthetic image detection via local pixel
    dependencies").
    """
    height, width = normal.shape[2:]
    padded = torch.nn.functional.pad(normal, (1, 1, 1, 1), mode="replicate")
    nine = [padded[:, :, dy : dy + height, dx : dx + width] for dy in range(3) for dx in range(3)]
    for low, high in _MEDIAN_OF_NINE:
        nine[low], nine[high] = torch.minimum(nine[low], nine[high]), torch.maximum(nine[low], nine[high])
    return normal - nine[4]


def upsampling_residual(normal: Tensor) -> Tensor:
    """Return what is lost when every second pixel is dropped and the rest is doubled.

    The idea of NPR (Tan et al. 2024, "Rethinking the up-sampling operations in CNN-based generative network for
    generalizable deepfake detection").
    """
    height, width = normal.shape[2:]
    doubled = normal[:, :, ::2, ::2].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    return normal - doubled[:, :, :height, :width]


def diagonal_detail(normal: Tensor) -> Tensor:
    """Return the diagonal detail of one Haar wavelet step, float [n, 3, h // 2, w // 2].

    What SAFE looks at (Li et al. 2025, "Improving synthetic image detection towards generalization: an image
    transformation perspective").
    """
    height, width = normal.shape[2] // 2 * 2, normal.shape[3] // 2 * 2
    even, odd = normal[:, :, 0:height:2, :width], normal[:, :, 1:height:2, :width]
    return (even[..., 0::2] - even[..., 1::2] - odd[..., 0::2] + odd[..., 1::2]) / 2


def spectrum(normal: Tensor) -> Tensor:
    """Return the log power spectrum, its middle the lowest frequency, less its mean over the picture.

    As matrix products: a graph with FFT operators runs on few runtimes.
    """
    rows, columns = (_waves(side, normal) for side in normal.shape[2:])
    real = rows[0] @ normal @ columns[0].T - rows[1] @ normal @ columns[1].T
    imaginary = rows[0] @ normal @ columns[1].T + rows[1] @ normal @ columns[0].T
    power = torch.log(real.square() + imaginary.square() + 1e-3)
    return (power - power.mean(dim=(2, 3), keepdim=True)) / 2


def _waves(side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines of every frequency, float [side, side] each, under a Hann window."""
    place = torch.arange(side, dtype=like.dtype, device=like.device)
    window = 0.5 - 0.5 * torch.cos(2 * torch.pi * (place + 0.5) / side)
    angle = 2 * torch.pi * (place - side // 2)[:, None] * place[None, :] / side
    return torch.cos(angle) * window, torch.sin(angle) * window


FRONTS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "pixels": pixels,
    "median-residual": median_residual,
    "upsampling-residual": upsampling_residual,
    "diagonal-detail": diagonal_detail,
    "spectrum": spectrum,
}
