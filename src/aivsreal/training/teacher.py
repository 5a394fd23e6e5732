"""What a large frozen network sees in the training pictures, computed once: a second thing to learn beside the label.

A teacher's file holds one feature vector and one opinion a picture, found by the picture's bytes. The network
learns to give that vector from whatever view of the picture it is shown, through a projection that is thrown
away when the training ends (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets"), and a part of its label
is what the teacher would have answered (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural
Network").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aivsreal.data.contents import content_ids
from aivsreal.data.labelled import Sample
from aivsreal.errors import BadRecipe
from aivsreal.files import atomic_write_bytes
from aivsreal.training.network import Network

_LEAST_DEVIATION = 1e-3


@dataclass(frozen=True)
class Teacher:
    """What is to be learned, and of which samples it is known.

    features: float32 [n, d] with mean 0 and deviation 1 a column; opinions: float32 [n], the probability in
    0..1 that a sample is AI, by a probe that has not learned from the sample's source; known: bool [n]
    """

    features: Tensor
    opinions: Tensor
    known: Tensor

    def soften(self, labels: Tensor, indices: Tensor, share: float) -> Tensor:
        """Return targets float32 [b]: labels int64 [b] of the samples at `indices`, by `share` the opinions."""
        hard = labels.float()
        mixed = (1 - share) * hard + share * self.opinions[indices]
        return torch.where(self.known[indices], mixed, hard)

    def to(self, device: torch.device) -> Teacher:
        """Return the same on a device."""
        return Teacher(self.features.to(device), self.opinions.to(device), self.known.to(device))

    def loss(self, projected: Tensor, indices: Tensor) -> Tensor:
        """Return the mean squared error of `projected`: float32 [b, d] for the samples at `indices`: int64 [b]."""
        known = self.known[indices]
        if not known.any():
            return projected.sum() * 0  # as a part of the graph, which several processes need alike
        return (projected[known] - self.features[indices][known]).square().mean()


class Student(nn.Module):
    """A network and its projection to the teacher's features."""

    def __init__(self, network: Network, teacher: Teacher | None) -> None:
        super().__init__()
        self.network = network
        self.projection = nn.Linear(network.width, teacher.features.shape[1]) if teacher else None

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return logits float32 [n] and projected features float32 [n, d] of uint8 [n, side, side, 3]."""
        pooled = self.network.pooled(pictures)
        with torch.autocast(pooled.device.type, enabled=False):
            projected = self.projection(pooled) if self.projection else None
        return self.network.judge(pooled), projected


def load_teacher(path: Path, samples: Sequence[Sample]) -> Teacher:
    """Return the file's features of the samples, standardised over those it knows.

    Raises: BadRecipe where it is no such file, or knows none of them.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        content = load_file(path)
        ids, features = content["ids"], content["features"].astype(np.float32)
        opinions = content["opinions"].astype(np.float32)
    except (OSError, SafetensorError, KeyError) as error:
        raise BadRecipe(
            f"{path} holds no teacher's features: {error}", hint="make it with research/cache_teacher.py"
        ) from error
    row_of = {row.tobytes().hex(): index for index, row in enumerate(ids)}
    rows = np.array([row_of.get(identity, -1) for identity in content_ids(samples)])
    known = rows >= 0
    if not known.any():
        raise BadRecipe(
            f"{path} knows none of the training pictures", hint="make it anew from the data that you train on"
        )
    mean, deviation = features[rows[known]].mean(axis=0), features[rows[known]].std(axis=0)
    standard = (features[rows] - mean) / np.maximum(deviation, _LEAST_DEVIATION)
    return Teacher(torch.from_numpy(standard), torch.from_numpy(opinions[rows]), torch.from_numpy(known))


def save_teacher(
    path: Path, samples: Sequence[Sample], features: NDArray[np.float32], opinions: NDArray[np.float32]
) -> None:
    """Write features float32 [n, d] and opinions float32 [n] of the samples. Raises: CannotWrite."""
    from safetensors.numpy import save

    ids = np.array([list(bytes.fromhex(identity)) for identity in content_ids(samples)], np.uint8)
    content: dict[str, NDArray[Any]] = {
        "ids": ids,
        "features": features.astype(np.float16),
        "opinions": opinions.astype(np.float16),
    }
    atomic_write_bytes(path, save(content))
