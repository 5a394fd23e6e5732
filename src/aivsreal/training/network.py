"""The network that is trained: uint8 pictures in; logit, activation map and embedding out.

Normalisation is part of it, so that the exported graph takes the same bytes as training does (design
decision 2).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aivsreal.bundle import WEIGHTS, load_bundle
from aivsreal.errors import BadBundle, BadRecipe, HubUnavailable
from aivsreal.files import sha256_of
from aivsreal.training.backbones import OWN
from aivsreal.training.fronts import FRONTS
from aivsreal.training.recipe import NetworkSection
from aivsreal.training.timm_import import import_timm


@dataclass(frozen=True)
class Output:
    """What the network says of n pictures."""

    logit: Tensor  # float32 [n]; above 0 is AI
    map: Tensor  # float32 [n, h, w]; with no hidden layer its mean is the logit
    embedding: Tensor  # float32 [n, d]


class Network(nn.Module):
    """A trunk, global average pooling, dropout and one logit."""

    mean: Tensor
    std: Tensor

    def __init__(self, section: NetworkSection, trunk: nn.Module, features: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.front = FRONTS[section.front]
        self.width = features
        self.head = _head(section, features)
        self.hidden_l2 = section.hidden_l2
        mean = section.channel_mean or (section.mean,) * 3
        std = section.channel_std or (section.std,) * 3
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def features(self, pictures: Tensor) -> Tensor:
        """Return float [n, d, h, w] of `pictures`: uint8 [n, side, side, 3], RGB."""
        pixels = pictures.permute(0, 3, 1, 2).to(torch.float32) / 255
        shown = self.front((pixels - self.mean) / self.std)
        normal = shown.contiguous(memory_format=torch.channels_last)
        features: Tensor = self.trunk.forward_features(normal)  # type: ignore[operator]
        return features

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits, float32 [n], of `pictures`: uint8 [n, side, side, 3]."""
        return self.judge(self.pooled(pictures))

    def pooled(self, pictures: Tensor) -> Tensor:
        """Return the features' mean over all places, float32 [n, width]."""
        return self.features(pictures).float().mean(dim=(2, 3))

    def judge(self, pooled: Tensor) -> Tensor:
        """Return the logits, float32 [n], of pooled features."""
        # A logit in bf16 has 8 bits: too few to rank pictures by.
        with torch.autocast(pooled.device.type, enabled=False):
            logits: Tensor = self.head(pooled).squeeze(1)
        return logits

    def explain(self, pictures: Tensor) -> Output:
        """Return logit, map and embedding of `pictures`: uint8 [n, side, side, 3].

        The map is the head applied at every place of the last feature map. For a linear head this is the
        class activation map (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization"),
        and its mean equals the logit; behind a hidden layer it is an approximation.
        """
        features = self.features(pictures).float()
        pooled = features.mean(dim=(2, 3))
        places = features.flatten(2).transpose(1, 2).flatten(0, 1)
        heat = self.head(places).reshape(features.shape[0], features.shape[2], features.shape[3])
        return Output(self.head(pooled).squeeze(1), heat, pooled)

    def penalty(self) -> Tensor | float:
        """Return what the hidden layer's L2 penalty adds to the loss."""
        if self.hidden_l2 == 0 or not isinstance(self.head[0], nn.Linear):
            return 0.0
        return self.hidden_l2 * self.head[0].weight.square().sum()


def make_network(section: NetworkSection, *, load_trunk: bool = True) -> Network:
    """Return the network of a recipe, its trunk's weights loaded unless they will be overwritten anyway.

    Raises: BadRecipe, BadBundle, HubUnavailable, MissingDependency.
    """
    pretrained = load_trunk and section.trunk == "hub"
    try:
        trunk = _trunk(section, pretrained)
    except (RuntimeError, TypeError, ValueError) as error:
        raise BadRecipe(
            f"timm makes no '{section.backbone}' of {section.trunk_options}: {error}",
            hint="timm.list_models() has the names; network.trunk_options must suit the model",
        ) from error
    except OSError as error:
        raise HubUnavailable(
            f"no weights for {section.backbone} from the hub: {error}",
            hint="check the network, or set network.trunk to 'imagenet' or a file",
        ) from error
    _keep_resolution(trunk, section.full_resolution_stages)
    network = Network(section, trunk, trunk.num_features)
    if load_trunk and section.head == "kept":
        _load_whole(network, section)
    elif load_trunk and section.trunk not in ("hub", "scratch"):
        _load_trunk(network, section)
    _freeze(network, section.freeze_stages)
    # torch's own types know no memory_format here, although its documentation does.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _trunk(section: NetworkSection, pretrained: bool) -> Any:
    if section.backbone in OWN:
        return OWN[section.backbone](**section.trunk_options)
    return import_timm().create_model(
        section.backbone, pretrained=pretrained, num_classes=0, **section.trunk_options
    )


def set_training(network: Network, freeze_stages: int) -> None:
    """Put the network into training mode, its frozen stages' batch norms staying as they are."""
    network.train()
    for stage in _stages(network.trunk)[:freeze_stages]:
        stage.eval()


def shipped_trunk() -> tuple[Path, dict[str, Any]]:
    """Return the file of the trunk that ships with the package, and its description. Raises: BadBundle."""
    folder = Path(str(files("aivsreal") / "bundles" / "trunk"))
    description: dict[str, Any] = json.loads((folder / "trunk.json").read_text("utf-8"))
    path = folder / description["file"]
    if sha256_of(path) != description["sha256"]:
        raise BadBundle(f"{path} has been changed", hint="install the package again")
    return path, description


def _head(section: NetworkSection, features: int) -> nn.Sequential:
    if section.hidden == 0:
        return nn.Sequential(nn.Dropout(section.dropout), nn.Linear(features, 1))
    return nn.Sequential(
        nn.Linear(features, section.hidden),
        nn.ReLU(),
        nn.BatchNorm1d(section.hidden),
        nn.Dropout(section.dropout),
        nn.Linear(section.hidden, 1),
    )


def _keep_resolution(trunk: nn.Module, stages: int) -> None:
    """Let the first `stages` strided layers run at stride 1: small pictures have no pixels to lose."""
    strided = [m for m in trunk.modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d) and _stride(m) > 1]
    for layer in strided[:stages]:
        layer.stride = (1, 1)


def _stride(layer: nn.Conv2d | nn.MaxPool2d) -> int:
    return layer.stride if isinstance(layer.stride, int) else max(layer.stride)


def _stages(trunk: nn.Module) -> list[nn.Module]:
    """The stem (everything before the blocks) and each stage, in the order of a picture's way."""
    blocks = getattr(trunk, "blocks", None)
    if blocks is None:
        return list(trunk.children())
    stem = nn.ModuleList(
        module for name, module in trunk.named_children() if name in ("conv_stem", "bn1", "patch_embed")
    )
    return [stem, *blocks]


def _freeze(network: Network, stages: int) -> None:
    available = _stages(network.trunk)
    if stages > len(available):
        raise BadRecipe(
            f"network.freeze_stages is {stages}, but the trunk has {len(available)} stages",
            hint=f"choose 0 to {len(available)}",
        )
    for stage in available[:stages]:
        stage.requires_grad_(False)


def _load_whole(network: Network, section: NetworkSection) -> None:
    """Load trunk and head of the bundle that `network.trunk` names. Raises: BadRecipe, BadBundle."""
    from safetensors.torch import load_file

    path = load_bundle(section.trunk).folder / WEIGHTS
    state = {name: x.float() if x.is_floating_point() else x for name, x in load_file(path).items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise BadRecipe(
            f"the weights in {path} are not those of this whole network",
            hint="network.head = 'kept' needs a bundle that was trained by the same [network] section",
        ) from error


def _load_trunk(network: Network, section: NetworkSection) -> None:
    from safetensors.torch import load_file

    path, prefix = _trunk_file(section)
    state = {name.removeprefix(prefix): value.float() for name, value in load_file(path).items()}
    try:
        found = network.trunk.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise BadRecipe(
            f"the weights in {path} do not fit a {section.backbone}", hint="choose the backbone they are of"
        ) from error
    missing = [name for name in found.missing_keys if not name.endswith("num_batches_tracked")]
    if missing:
        raise BadRecipe(
            f"{path} lacks {len(missing)} of the weights of {section.backbone}, such as {missing[0]}",
            hint="choose the backbone that the weights are of, or network.trunk = 'scratch'",
        )


def _trunk_file(section: NetworkSection) -> tuple[Path, str]:
    """The safetensors file of a trunk, and the prefix that its names carry there."""
    if section.trunk == "imagenet":
        path, description = shipped_trunk()
        if section.backbone != description["backbone"]:
            raise BadRecipe(
                f"the shipped trunk is a {description['backbone']}, not a {section.backbone}",
                hint="set network.trunk to 'scratch', 'hub' or a file",
            )
        return path, ""
    if Path(section.trunk).suffix == ".safetensors":
        if not Path(section.trunk).is_file():
            raise BadRecipe(
                f"there is no file {section.trunk}", hint="network.trunk must name a file that exists"
            )
        return Path(section.trunk), ""
    return load_bundle(section.trunk).folder / WEIGHTS, "trunk."
