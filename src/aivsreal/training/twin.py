"""The torch network of a model on disk, for what needs gradients, and two other ways to look at it.

    network = twin(load_bundle("photos-small"))
    maps = grad_cam(network, views)

A tower's twin is made of its graph's own weights (`tower_twin`); it has no feature maps for `grad_cam`.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aivsreal.bundle import Bundle
from aivsreal.training.network import Network, make_network
from aivsreal.training.recipe import recipe_from
from aivsreal.training.tower_twin import TowerTwin, tower_twin

# Fewer values than this are biases and scales, which say little and keep numbers in their range.
_FEWEST = 256
_WEIGHED = ("Conv", "Gemm", "MatMul", "MatMulInteger")


def twin(bundle: Bundle) -> Network | TowerTwin:
    """Return the torch network of a bundle, in evaluation mode. Raises: BadBundle where it has none, BadRecipe."""
    recipe = recipe_from(bundle.card.network.recipe, origin=bundle.title)
    if recipe.tower.graph:
        return tower_twin(bundle.onnx_bytes)
    kept = recipe.network.model_copy(update={"trunk": str(bundle.folder), "head": "kept"})
    return make_network(kept).eval().requires_grad_(False)


def grad_cam(network: Network, views: NDArray[np.uint8], layer: str = "") -> NDArray[np.float32]:
    """Return Grad-CAM of each view, float32 [n, h, w]: what speaks for AI above 0, what speaks for real below.

    views: uint8 [n, side, side, 3]; layer: the part of the trunk, by its name there, whose activations are weighed by
    their gradients; "" for the features that are pooled
    Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", before its
    last step, which would drop what speaks for the other side.
    """
    pictures = torch.from_numpy(views)
    seen: list[Tensor] = []
    if layer:
        handle = network.trunk.get_submodule(layer).register_forward_hook(
            lambda _, __, activations: seen.append(activations.requires_grad_())
        )
        logits = network(pictures)
        handle.remove()
    else:
        seen.append(network.features(pictures).float().requires_grad_())
        logits = network.judge(seen[0].mean(dim=(2, 3)))
    (slopes,) = torch.autograd.grad(logits.sum(), seen)
    weighed = slopes.mean(dim=(2, 3), keepdim=True) * seen[0].detach()
    maps: NDArray[np.float32] = weighed.sum(dim=1).numpy()
    return maps


def finer_layer(network: Network) -> str:
    """Return the name of the last part of a timm trunk whose maps are finer than the features that are pooled."""
    name: str = network.trunk.feature_info[-2]["module"]  # type: ignore[index, assignment]
    return name


def shuffled(graph: bytes, share: float, rng: np.random.Generator) -> bytes:
    """Return an ONNX graph whose last weights have their values in random order, the rest as it was.

    share: how many of the weighed layers, from the head towards the pixels; 0 shuffles the head alone, 1 all.
    The order of randomising is that of Adebayo et al. 2018, "Sanity Checks for Saliency Maps".
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    parts = {part.name: part for part in model.graph.initializer}
    weighed = dict.fromkeys(
        node.input[1]
        for node in reversed(model.graph.node)
        if node.op_type in _WEIGHED and node.input[1] in parts
    )
    names = [name for name in weighed if np.prod(parts[name].dims) >= _FEWEST]
    for name in names[: max(1, round(share * len(names)))]:
        values = numpy_helper.to_array(parts[name])
        mixed = rng.permutation(values.ravel()).reshape(values.shape)
        parts[name].CopyFrom(numpy_helper.from_array(mixed, name))
    served: bytes = model.SerializeToString()
    return served
