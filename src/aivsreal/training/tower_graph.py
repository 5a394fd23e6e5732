"""The end of a tower's graph: from its tokens to logit, map and embedding, with or without a hidden layer.

A tower cut by research/cut_tower.py names two of its values: `class_token` [n, c] and `patches` [n, p, c]. The
features of a view are the class token beside the mean of its patches, [n, 2 c]. Without a hidden layer they are
the embedding. With one (h units, rectified) its activations stand behind them, so that the judge stays a
linear head on an embedding, [n, 2 c + h], which can be read, compared and taught.

A second judge may raise a doubt: where its own log-probability of AI lies above the first one's logit, the difference
is added, as one more entry of the embedding. So it lifts a score up to even odds and never above. Once the head is
taught further (`with_head`), the doubt is still held against what the first judge said before: it may then lift a
score above even odds, by about as much as teaching raised that score.

The map is what each patch adds to the logit. A rectified network is linear around every picture: its slope there,
at each patch, is exact, and the mean of the map is the logit. A doubt is the same everywhere in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aivsreal.errors import BadRecipe

Floats = NDArray[np.float64]
HEAD_WEIGHT, HEAD_BIAS = "head_weight", "head_bias"
HIDDEN_WEIGHT, HIDDEN_BIAS = "hidden_weight", "hidden_bias"
SECOND_WEIGHT, SECOND_BIAS = "second_weight", "second_bias"
CLASS_TOKEN, PATCHES = "class_token", "patches"
# Patches a side that make one cell of the map.
POOL = 2
# The graph's own property that says whose work it is.
NOTICE = "notice"


@dataclass(frozen=True)
class Head:
    """A linear judge of embeddings: float64 [d] and a number."""

    weight: Floats
    bias: float


@dataclass(frozen=True)
class Hidden:
    """A rectified layer over features: float64 [2 c, h] and [h]."""

    weight: Floats
    bias: Floats

    def __call__(self, features: Floats) -> Floats:
        """Return the activations, float64 [n, h], of features [n, 2 c]."""
        return np.maximum(features @ self.weight + self.bias, 0.0)


@dataclass(frozen=True)
class Doubt:
    """A second judge, of units of its own, and the first one's say that it is held against.

    second: over features; second_head: over its units, [h2]; first_head: over the first judge's units, [h]
    """

    second: Hidden
    second_head: Head
    first_head: Head

    def __call__(self, features: Floats, units: Floats) -> Floats:
        """Return by how much features [n, 2 c] are lifted, float64 [n], 0 or more; units: the first judge's, [n, h]."""
        says = self.second(features) @ self.second_head.weight + self.second_head.bias
        said = units @ self.first_head.weight + self.first_head.bias
        return np.asarray(np.maximum(-np.logaddexp(0.0, -says) - said, 0.0))


def with_judge(graph: bytes, head: Head, hidden: Hidden | None = None, doubt: Doubt | None = None) -> bytes:
    """Return the tower with this judge in place of what followed its tokens.

    head: over [2 c] features, or over [2 c + h] where there is a hidden layer, one more where there is a doubt
    Raises: BadRecipe where the graph names no tokens.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(graph)
    trunk = _up_to_tokens(model.graph)
    units = 0 if hidden is None else len(hidden.bias)
    width = (len(head.weight) - units) // 2
    side = _map_side(model.graph)
    constants = {**_constants(width, units, side), HEAD_WEIGHT: head.weight, HEAD_BIAS: head.bias}
    if hidden is not None:
        constants |= {HIDDEN_WEIGHT: hidden.weight, HIDDEN_BIAS: hidden.bias}
    if doubt is not None:
        constants |= _constants_of(doubt)
    mean = helper.make_node("ReduceMean", [PATCHES], ["patch_mean"], axes=[1], keepdims=0)
    nodes = [mean, *(_linear() if hidden is None else _rectified(doubt is not None)), *_judged()]
    used = {name for node in [*trunk, *nodes] for name in node.input}
    kept = [part for part in model.graph.initializer if part.name in used - set(constants)]
    added = [
        numpy_helper.from_array(_stored(value), name) for name, value in constants.items() if name in used
    ]
    outputs: dict[str, list[str | int | None]] = {
        "logit": ["n"],
        "map": ["n", side, side],
        "embedding": ["n", len(head.weight)],
    }
    judged = helper.make_graph(
        [*trunk, *nodes],
        "tower",
        list(model.graph.input),
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [*kept, *added],
    )
    served = helper.make_model(judged, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    served.metadata_props.extend(model.metadata_props)
    serialised: bytes = served.SerializeToString()
    return serialised


def without_hidden(graph: bytes) -> bytes:
    """Return a tower without its hidden layer, its head empty; one that has none is returned as it is."""
    import onnx

    sizes = {part.name: tuple(part.dims) for part in onnx.load_from_string(graph).graph.initializer}
    if HIDDEN_WEIGHT not in sizes:
        return graph
    return with_judge(graph, Head(np.zeros(sizes[HIDDEN_WEIGHT][0]), 0.0))


def with_head(graph: bytes, head: Head) -> bytes:
    """Return the graph with this head in place of its own. Raises: BadRecipe where it has none of that size."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(graph)
    parts = {HEAD_WEIGHT: head.weight.astype(np.float32), HEAD_BIAS: np.float32(head.bias)}
    for initialiser in model.graph.initializer:
        if initialiser.name not in parts:
            continue
        part = np.asarray(parts.pop(initialiser.name))
        if tuple(initialiser.dims) != part.shape:
            raise BadRecipe(
                f"the tower's {initialiser.name} has the shape {tuple(initialiser.dims)}, not {part.shape}",
                hint="its head must be as wide as its embedding",
            )
        initialiser.CopyFrom(numpy_helper.from_array(part, initialiser.name))
    if parts:
        raise BadRecipe(
            f"tower.graph names a graph without a {min(parts)}",
            hint="make one with research/cut_tower.py, or name a model that was made from one",
        )
    served: bytes = model.SerializeToString()
    return served


def head_of(graph: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the head that a graph holds: `head_weight` [d] and `head_bias` []."""
    import onnx
    from onnx import numpy_helper

    initialisers = onnx.load_from_string(graph).graph.initializer
    return {
        part.name: numpy_helper.to_array(part)
        for part in initialisers
        if part.name in (HEAD_WEIGHT, HEAD_BIAS)
    }


def parameters(graph: bytes) -> int:
    """Return how many weights a graph holds."""
    import onnx

    return sum(int(np.prod(part.dims)) for part in onnx.load_from_string(graph).graph.initializer)


def turned_back(parts: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """Return a layer's weights from their eight bits, float32 [in, out]; parts: a graph's initialisers by name."""
    stem = name.removesuffix("_quantized")
    steps = parts[name].astype(np.float32) - parts[f"{stem}_zero_point"].astype(np.float32)
    return np.asarray(steps * parts[f"{stem}_scale"])


def notice(graph: bytes) -> str:
    """Return whose work a tower is, as it says itself; "" where it does not."""
    import onnx

    properties = onnx.load_from_string(graph).metadata_props
    return next((str(entry.value) for entry in properties if entry.key == NOTICE), "")


def _up_to_tokens(graph: Any) -> list[Any]:
    """Return the nodes that make the tokens and those that they rest on, in their order."""
    needed = {CLASS_TOKEN, PATCHES}
    if not needed <= {name for node in graph.node for name in node.output}:
        raise BadRecipe(
            "the tower's graph names no class_token and patches, which a hidden layer needs",
            hint="make one with research/cut_tower.py, or set tower.hidden to 0",
        )
    kept = []
    for node in reversed(graph.node):
        if not needed.isdisjoint(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]


def _map_side(graph: Any) -> int:
    shape = next(output for output in graph.output if output.name == "map").type.tensor_type.shape
    return int(shape.dim[-1].dim_value)


def _constants(width: int, units: int, side: int) -> dict[str, Any]:
    return {
        "class_from": _positions([0]),
        "class_to": _positions([width]),
        "patch_to": _positions([2 * width]),
        "unit_to": _positions([2 * width + units]),
        "first_axis": _positions([0]),
        "last_axis": _positions([-1]),
        "channel_axis": _positions([1]),
        "grid": _positions([-1, 1, POOL * side, POOL * side]),
    }


def _constants_of(doubt: Doubt) -> dict[str, Any]:
    return {
        SECOND_WEIGHT: doubt.second.weight,
        SECOND_BIAS: doubt.second.bias,
        "second_head_weight": doubt.second_head.weight,
        "second_head_bias": doubt.second_head.bias,
        "first_head_weight": doubt.first_head.weight,
        "first_head_bias": doubt.first_head.bias,
    }


def _positions(values: list[int]) -> NDArray[np.int64]:
    return np.array(values, np.int64)


def _linear() -> list[Any]:
    """A head on the features: the slope of the logit is the head itself, [1, c] at each patch."""
    from onnx import helper

    return [
        helper.make_node("Concat", [CLASS_TOKEN, "patch_mean"], ["embedding"], axis=1),
        helper.make_node("Slice", [HEAD_WEIGHT, "class_to", "patch_to"], ["slope"]),
        helper.make_node("Unsqueeze", ["slope", "first_axis"], ["patch_slope"]),
    ]


def _rectified(doubts: bool) -> list[Any]:
    """A head on features and activations: the slope also runs through the units that are on, [n, c]."""
    from onnx import helper

    entries = ["features", "activation", *(["doubt"] if doubts else [])]
    return [
        helper.make_node("Concat", [CLASS_TOKEN, "patch_mean"], ["features"], axis=1),
        helper.make_node("MatMul", ["features", HIDDEN_WEIGHT], ["summed"]),
        helper.make_node("Add", ["summed", HIDDEN_BIAS], ["level"]),
        helper.make_node("Relu", ["level"], ["activation"]),
        *(_doubted() if doubts else []),
        helper.make_node("Concat", entries, ["embedding"], axis=1),
        helper.make_node("Sign", ["activation"], ["on"]),
        helper.make_node("Slice", [HEAD_WEIGHT, "patch_to", "unit_to"], ["unit_weight"]),
        helper.make_node("Mul", ["on", "unit_weight"], ["unit_slope"]),
        helper.make_node("Transpose", [HIDDEN_WEIGHT], ["hidden_transposed"]),
        helper.make_node("MatMul", ["unit_slope", "hidden_transposed"], ["hidden_slope"]),
        helper.make_node("Slice", [HEAD_WEIGHT, "class_from", "patch_to"], ["feature_weight"]),
        helper.make_node("Add", ["hidden_slope", "feature_weight"], ["slope"]),
        helper.make_node("Slice", ["slope", "class_to", "patch_to", "channel_axis"], ["patch_slope"]),
    ]


def _doubted() -> list[Any]:
    """By how much the second judge's log-probability lies above the first one's logit, [n, 1]."""
    from onnx import helper

    return [
        helper.make_node("MatMul", ["features", SECOND_WEIGHT], ["second_summed"]),
        helper.make_node("Add", ["second_summed", SECOND_BIAS], ["second_level"]),
        helper.make_node("Relu", ["second_level"], ["second_activation"]),
        helper.make_node("MatMul", ["second_activation", "second_head_weight"], ["second_unbiased"]),
        helper.make_node("Add", ["second_unbiased", "second_head_bias"], ["second_says"]),
        helper.make_node("Neg", ["second_says"], ["second_denies"]),
        helper.make_node("Softplus", ["second_denies"], ["improbable"]),
        helper.make_node("Neg", ["improbable"], ["log_probability"]),
        helper.make_node("MatMul", ["activation", "first_head_weight"], ["first_unbiased"]),
        helper.make_node("Add", ["first_unbiased", "first_head_bias"], ["first_says"]),
        helper.make_node("Sub", ["log_probability", "first_says"], ["rise"]),
        helper.make_node("Relu", ["rise"], ["lift"]),
        helper.make_node("Unsqueeze", ["lift", "last_axis"], ["doubt"]),
    ]


def _judged() -> list[Any]:
    """Logit and map: what a patch adds is its product with the slope, and all else is the same everywhere."""
    from onnx import helper

    return [
        helper.make_node("MatMul", ["embedding", HEAD_WEIGHT], ["unbiased"]),
        helper.make_node("Add", ["unbiased", HEAD_BIAS], ["logit"]),
        helper.make_node("Mul", ["patch_mean", "patch_slope"], ["mean_parts"]),
        helper.make_node("ReduceSum", ["mean_parts", "last_axis"], ["of_mean"], keepdims=0),
        helper.make_node("Sub", ["logit", "of_mean"], ["everywhere"]),
        helper.make_node("Unsqueeze", ["everywhere", "last_axis"], ["everywhere_column"]),
        helper.make_node("Unsqueeze", ["patch_slope", "last_axis"], ["slope_column"]),
        helper.make_node("MatMul", [PATCHES, "slope_column"], ["of_patches_column"]),
        helper.make_node("Squeeze", ["of_patches_column", "last_axis"], ["of_patches"]),
        helper.make_node("Add", ["of_patches", "everywhere_column"], ["flat_map"]),
        helper.make_node("Reshape", ["flat_map", "grid"], ["fine_map"]),
        helper.make_node(
            "AveragePool", ["fine_map"], ["pooled_map"], kernel_shape=[POOL, POOL], strides=[POOL, POOL]
        ),
        helper.make_node("Squeeze", ["pooled_map", "channel_axis"], ["map"]),
    ]


def _stored(value: Any) -> Any:
    """Return a constant as a graph holds it: positions in int64, everything else in float32."""
    array = np.asarray(value)
    return array if array.dtype == np.int64 else array.astype(np.float32)
