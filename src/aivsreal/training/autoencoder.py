"""A photograph passed through a latent-diffusion auto-encoder: a made-up fake of the same content and size.

What a generator leaves behind and nothing else (Rajan et al. 2024, "Aligned datasets improve detection of latent
diffusion-generated images"). The auto-encoder is taef2 (madebyollin/taesd, MIT), the tiny one of FLUX.2's latent
space; its two files of weights are not part of the project.

    autoencoder = load_autoencoder(folder)
    fake = autoencoder.reconstruct(pixels)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aivsreal.errors import BadData

ENCODER, DECODER = "taef2_encoder.fp16.safetensors", "taef2_decoder.fp16.safetensors"
CHANNELS, LATENT, WIDE = 64, 32, 256
# Sides of the pictures that it takes are multiples of this.
GRAIN = 16


class Autoencoder(nn.Module):
    """A picture to its latents and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _conv(3, CHANNELS),
            _Block(),
            *(layer for mid in (False, False, True) for layer in (_halved(), *_blocks(3, mid=mid))),
            _conv(CHANNELS, LATENT),
        )
        self.decoder = nn.Sequential(
            _Clamp(),
            _conv(LATENT, CHANNELS),
            nn.ReLU(),
            *(layer for mid in (True, False) for layer in (*_blocks(3, mid=mid), *_doubled())),
            *(*_blocks(3), *_doubled(), _Block()),
            _conv(CHANNELS, 3),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return pictures again, float [n, 3, h, w] in 0..1 or slightly beyond."""
        decoded: Tensor = self.decoder(self.encoder(pictures))
        return decoded

    @torch.inference_mode()
    def reconstruct(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the picture as it leaves the auto-encoder, uint8 [h, w, 3] like `pixels`.

        Mirrored outwards to sides that are multiples of 16, and cut back.
        """
        height, width = pixels.shape[:2]
        around = ((0, -height % GRAIN), (0, -width % GRAIN), (0, 0))
        padded = np.pad(pixels, around, mode="symmetric").astype(np.float32) / 255
        given = torch.from_numpy(padded).permute(2, 0, 1)[None]
        taken = self(given)[0].permute(1, 2, 0).clamp(0, 1).mul(255).round()
        return np.ascontiguousarray(taken.to(torch.uint8).numpy()[:height, :width])


def load_autoencoder(folder: str | Path) -> Autoencoder:
    """Return taef2 from the folder that holds its two files, ready to use. Raises: BadData."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    network = Autoencoder()
    for part, name in ((network.encoder, ENCODER), (network.decoder, DECODER)):
        try:
            weights = load((Path(folder) / name).read_bytes())
            part.load_state_dict({key: value.float() for key, value in weights.items()})
        except (OSError, SafetensorError, RuntimeError) as error:
            raise BadData(
                f"cannot load {name} from {folder}: {str(error).splitlines()[0]}",
                hint="give the folder with the weights of taef2, as safetensors",
            ) from error
    return network.eval().requires_grad_(False)


class _Block(nn.Module):
    """Three convolutions beside the identity; in the middle of the network with a look at the whole first."""

    def __init__(self, *, mid: bool = False) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(_conv(CHANNELS, CHANNELS), nn.ReLU(), _conv(CHANNELS, CHANNELS), nn.ReLU()),
            _conv(CHANNELS, CHANNELS),
        )
        self.pool = _pool() if mid else None

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


class _Clamp(nn.Module):
    """Latents softly held between -3 and 3."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


def _conv(entering: int, leaving: int) -> nn.Conv2d:
    return nn.Conv2d(entering, leaving, 3, padding=1)


def _blocks(count: int, *, mid: bool = False) -> list[nn.Module]:
    return [_Block(mid=mid) for _ in range(count)]


def _halved() -> nn.Conv2d:
    return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, stride=2, bias=False)


def _doubled() -> list[nn.Module]:
    return [nn.Upsample(scale_factor=2), nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)]


def _pool() -> nn.Sequential:
    narrow, wide = (nn.Conv2d(*sides, 1, bias=False) for sides in ((CHANNELS, WIDE), (WIDE, CHANNELS)))
    return nn.Sequential(narrow, nn.GroupNorm(4, WIDE), nn.ReLU(inplace=True), wide)
