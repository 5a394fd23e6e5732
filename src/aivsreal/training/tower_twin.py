"""The torch twin of a tower that research/cut_tower.py made, for what needs gradients.

Its weights are the graph's own, turned back from eight bits; its activations keep all of theirs, where the graph
rounds them to eight. So a logit differs a little, and a gradient is that of the function which the graph approximates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, relu

from aivsreal.errors import BadBundle
from aivsreal.training.timm_import import import_timm
from aivsreal.training.tower_graph import (
    HEAD_BIAS,
    HEAD_WEIGHT,
    HIDDEN_BIAS,
    HIDDEN_WEIGHT,
    SECOND_BIAS,
    SECOND_WEIGHT,
    turned_back,
)

# The names of a block's parts in the graph, and in timm's vision transformer.
_NORMS = {"layer_norm1": "norm1", "layer_norm2": "norm2"}
_LAYERS = {"self_attn.out_proj": "attn.proj", "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2"}
_QUERY_KEY_VALUE = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_MODEL = "vision_model."
# What stands before the patches and behind the tokens.
_JUDGE = ("channel_", "head_", "hidden_", "second_", "first_")

Weights = Mapping[str, NDArray[Any]]


class TowerTwin(nn.Module):
    """Patches, transformer blocks, and the judge of their tokens with its hidden units and its doubt."""

    def __init__(self, trunk: nn.Module, weights: Weights) -> None:
        super().__init__()
        self.trunk = trunk
        self.weights = {
            name: torch.from_numpy(np.array(value, np.float32)) for name, value in weights.items()
        }

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the logits, float32 [n], of `pictures`: [n, side, side, 3], RGB, 0 to 255."""
        w = self.weights
        normal = (pictures.to(torch.float32) - w["channel_mean"]) * w["channel_scale"]
        tokens = self.trunk.forward_features(normal.permute(0, 3, 1, 2))  # type: ignore[operator]
        parts = [torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=1)]
        if HIDDEN_WEIGHT in w:
            parts.append(relu(parts[0] @ w[HIDDEN_WEIGHT] + w[HIDDEN_BIAS]))
        if SECOND_WEIGHT in w:
            second = relu(parts[0] @ w[SECOND_WEIGHT] + w[SECOND_BIAS])
            says = second @ w["second_head_weight"] + w["second_head_bias"]
            said = parts[1] @ w["first_head_weight"] + w["first_head_bias"]
            parts.append(relu(logsigmoid(says) - said)[:, None])
        return torch.cat(parts, dim=1) @ w[HEAD_WEIGHT] + w[HEAD_BIAS]


def tower_twin(graph: bytes) -> TowerTwin:
    """Return the torch network of a tower's graph, in evaluation mode, its weights frozen.

    Raises: BadBundle where the graph is none of CLIP's ViT-B/16, MissingDependency.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph).graph
    parts = {part.name: numpy_helper.to_array(part) for part in model.initializer}
    # The weight that a node multiplies by, under the name of the layer that it belongs to.
    layers = {
        node.output[0].split("/MatMul_output")[0].strip("/").replace("/", "."): node.input[1]
        for node in model.node
        if node.op_type == "MatMulInteger"
    }
    if f"{_MODEL}pre_layrnorm.weight" not in parts or not layers:
        raise BadBundle(
            "of this tower there is no torch network", hint="use one that research/cut_tower.py made"
        )
    depth = sum(name.endswith(".mlp.fc1") for name in layers)
    trunk = import_timm().create_model(
        "vit_base_patch16_clip_quickgelu_224", depth=depth, num_classes=0, pretrained=False
    )
    # The graph ends with the last block: timm's last norm is not part of it.
    trunk.norm = nn.Identity()
    trunk.load_state_dict(
        {name: torch.from_numpy(value) for name, value in _state(parts, layers, depth).items()}
    )
    judge = {name: value for name, value in parts.items() if name.startswith(_JUDGE)}
    return TowerTwin(trunk, judge).eval().requires_grad_(False)


def _state(parts: Weights, layers: Mapping[str, str], depth: int) -> dict[str, NDArray[np.float32]]:
    """Return the weights by timm's names."""
    embeddings = f"{_MODEL}embeddings."
    state = {
        "cls_token": parts[f"{embeddings}class_embedding"][None, None],
        "pos_embed": parts[f"{embeddings}position_embedding.weight"][None],
        "patch_embed.proj.weight": parts[f"{embeddings}patch_embedding.weight"],
        "norm_pre.weight": parts[f"{_MODEL}pre_layrnorm.weight"],
        "norm_pre.bias": parts[f"{_MODEL}pre_layrnorm.bias"],
    }
    for number in range(depth):
        block, ours = f"{_MODEL}encoder.layers.{number}.", f"blocks.{number}."
        for theirs, name in _NORMS.items():
            state |= {f"{ours}{name}.{kind}": parts[f"{block}{theirs}.{kind}"] for kind in ("weight", "bias")}
        for theirs, name in _LAYERS.items():
            state[f"{ours}{name}.weight"] = turned_back(parts, layers[f"{block}{theirs}"]).T
            state[f"{ours}{name}.bias"] = parts[f"{block}{theirs}.bias"]
        attended = [f"{block}{name}" for name in _QUERY_KEY_VALUE]
        state[f"{ours}attn.qkv.weight"] = np.concatenate(
            [turned_back(parts, layers[name]).T for name in attended]
        )
        state[f"{ours}attn.qkv.bias"] = np.concatenate([parts[f"{name}.bias"] for name in attended])
    return {name: np.array(value, np.float32) for name, value in state.items()}
