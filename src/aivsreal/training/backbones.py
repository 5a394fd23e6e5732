"""Trunks that timm does not have: small networks of the literature, built as their papers describe them.

Each is a module with `num_features` and `forward_features`: float [n, 3, h, w] to float [n, d, h', w'].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from aivsreal.training.timm_import import import_timm


class Trunk(nn.Sequential):
    """Layers one after another, the last of which gives `num_features` channels."""

    def __init__(self, num_features: int, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.num_features = num_features

    def forward_features(self, pictures: Tensor) -> Tensor:
        """Return the last feature map."""
        features: Tensor = self(pictures)
        return features


def cifake_cnn(width: int = 32, dense: int = 64) -> Trunk:
    """Return the plain network of the CIFAKE paper: two convolutions of 32, each pooled, and a dense layer of 64.

    Bird and Lotfi 2024, "CIFAKE: image classification and explainable identification of AI-generated synthetic
    images". The dense layer is written as a convolution over the 8 x 8 places that a picture of 32 px leaves.
    """
    return Trunk(
        dense,
        nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(width, dense, 8), nn.ReLU()),
    )


def regularised_cnn(widths: tuple[int, ...] = (32, 64, 128), dropout: float = 0.25) -> Trunk:
    """Return the plain network again, with batch norm and dropout at each of its stages.

    After Hamid et al. 2023, "An improvised CNN model for fake image detection".
    """
    stages, channels = [], 3
    for width in widths:
        stages.append(
            nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Dropout2d(dropout),
            )
        )
        channels = width
    return Trunk(channels, *stages)


def patches_of_nine(widths: tuple[int, int, int] = (32, 64, 128)) -> Trunk:
    """Return a network no place of which sees more than 9 x 9 pixels; pooled, its logit is the patches' mean.

    The idea of LaDeDa (Cavia et al. 2024, "Real-time deepfake detection in the real-world").
    """
    first, second, third = widths
    return Trunk(
        third,
        _normed(3, first, 3, stride=1),
        _normed(first, second, 3, stride=2),
        _normed(second, third, 3, stride=1),
        _normed(third, third, 1, stride=1),
    )


def vgg16_convolutions() -> Trunk:
    """Return VGG-16 with batch norm without its three dense layers, which hold nine tenths of its weights.

    Simonyan and Zisserman 2015, "Very deep convolutional networks for large-scale image recognition".
    """
    whole = import_timm().create_model("vgg16_bn", num_classes=0)
    return Trunk(512, *whole.features)


def _normed(channels: int, width: int, side: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, side, stride=stride, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    )


OWN: Mapping[str, Callable[..., Trunk]] = {
    "cifake_cnn": cifake_cnn,
    "regularised_cnn": regularised_cnn,
    "patches_of_nine": patches_of_nine,
    "vgg16_convolutions": vgg16_convolutions,
}
