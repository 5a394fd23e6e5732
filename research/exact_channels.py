"""Keep a tower's largest channels exact, where its graph rounds activations to eight bits.

python research/exact_channels.py tower.onnx DATA --where 'origin_kind!=benchmark' --out exact.onnx

A graph whose activations are quantised as it runs rounds each of them to 256 levels between their least and their
largest value. A few channels of a transformer are many times larger than all others, which are then left with a
handful of levels. Those channels, found on training pictures, are taken out before the rounding and multiplied as
they are (Dettmers et al. 2022, "LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale"). Weights stay
what they were.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from aivsreal.cli.script import parser_of, run
from aivsreal.data.sources import load_set
from aivsreal.errors import BadRecipe
from aivsreal.images import open_picture
from aivsreal.sessions import open_session
from aivsreal.training.recipe import load_recipe
from aivsreal.training.tower_graph import turned_back
from aivsreal.views import make_views

Peaks = dict[str, NDArray[np.float32]]
# Pictures on which the largest channels are looked for: which they are hardly depends on the picture.
PICTURES = 24


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tower", type=Path)
    parser.add_argument("data")
    parser.add_argument("--where", action="append", default=[], help="COLUMN=VALUE or !=; repeatable")
    parser.add_argument("--channels", type=int, default=16, help="how many of each activation")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    graph = chosen.tower.read_bytes()
    samples = load_set(chosen.data, where=chosen.where).of_split("train").samples
    spec = load_recipe("photos").views.model_copy(update={"tiles": 0})
    shown = samples[:: max(1, len(samples) // PICTURES)]
    views = (make_views(open_picture(sample.read()).pixels, spec).batch[:1] for sample in shown)
    chosen.out.write_bytes(with_exact_channels(graph, peaks(graph, views), chosen.channels))
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.1f} MB")


def peaks(graph: bytes, views: Iterator[NDArray[np.uint8]]) -> Peaks:
    """Return the largest value that each channel of each rounded activation takes over the views, float32 [channels]."""
    model = onnx.load_from_string(graph)
    names = [node.input[0] for node in model.graph.node if node.op_type == "DynamicQuantizeLinear"]
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    session = open_session(model.SerializeToString())
    largest: Peaks = {}
    for view in views:
        for name, activation in zip(names, session.run(names, {"views": view}), strict=True):
            peak = np.abs(activation).max(axis=tuple(range(activation.ndim - 1)))
            largest[name] = np.maximum(largest.get(name, peak), peak)
    return largest


def with_exact_channels(graph: bytes, largest: Peaks, channels: int) -> bytes:
    """Return the graph with the `channels` largest of each rounded activation multiplied in float32.

    Raises: BadRecipe where something else than a scaled product is made of a rounded activation.
    """
    model = onnx.load_from_string(graph)
    parts = {part.name: numpy_helper.to_array(part) for part in model.graph.initializer}
    products = _products(model.graph)
    nodes: list[Any] = []
    added: dict[str, Any] = {}
    for node in model.graph.node:
        if node.op_type == "DynamicQuantizeLinear":
            nodes += _parted(node, largest[node.input[0]], channels, added)
        nodes.append(node)
        if node.output[0] in products:
            activation, weight = products[node.output[0]]
            nodes += _completed(node, activation, weight, parts, added)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in added.items())
    onnx.checker.check_model(model)
    served: bytes = model.SerializeToString()
    return served


def _products(graph: Any) -> dict[str, tuple[str, str]]:
    """Return product -> (activation, weight) of each layer that multiplies whole numbers, then scales them."""
    made = {output: node for node in graph.node for output in node.output}
    found, multiplied = {}, set()
    for node in graph.node:
        cast = made.get(node.input[0]) if node.op_type == "Mul" else None
        if cast is None or cast.op_type != "Cast" or made[cast.input[0]].op_type != "MatMulInteger":
            continue
        levels, weight = made[cast.input[0]].input[:2]
        found[node.output[0]] = made[levels].input[0], weight
        multiplied.add(cast.input[0])
    _require_no_others(graph, multiplied)
    return found


def _require_no_others(graph: Any, multiplied: set[str]) -> None:
    """Pass where rounded activations feed these alone: whatever else they fed would lose its largest channels."""
    rounded = {
        node.output[0]: node.input[0] for node in graph.node if node.op_type == "DynamicQuantizeLinear"
    }
    for node in graph.node:
        levels = next((name for name in node.input if name in rounded), None)
        if levels is not None and node.output[0] not in multiplied:
            raise BadRecipe(
                f"{rounded[levels]} also feeds a {node.op_type}, {node.output[0]}, that cannot have exact channels",
                hint="give a graph that rounds activations for MatMulInteger, Cast and Mul only",
            )


def _parted(node: Any, peak: NDArray[np.float32], channels: int, added: dict[str, Any]) -> list[Any]:
    """Let `node` round the activation without its largest channels; return what parts the two."""
    activation = node.input[0]
    places = np.sort(np.argsort(peak)[-channels:])
    added[f"{activation}/places"] = places.astype(np.int64)
    added[f"{activation}/others"] = (~np.isin(np.arange(len(peak)), places)).astype(np.float32)
    node.input[0] = f"{activation}/rest"
    return [
        helper.make_node("Mul", [activation, f"{activation}/others"], [f"{activation}/rest"]),
        helper.make_node("Gather", [activation, f"{activation}/places"], [f"{activation}/exact"], axis=-1),
    ]


def _completed(
    node: Any, activation: str, weight: str, parts: dict[str, Any], added: dict[str, Any]
) -> list[Any]:
    """Return what adds the largest channels' share to the product that `node` makes of the rest."""
    stem = weight.removesuffix("_quantized")
    product = node.output[0]
    added[f"{stem}/exact"] = turned_back(parts, weight)[added[f"{activation}/places"]]
    node.output[0] = f"{product}/rest"
    return [
        helper.make_node("MatMul", [f"{activation}/exact", f"{stem}/exact"], [f"{product}/exact"]),
        helper.make_node("Add", [f"{product}/rest", f"{product}/exact"], [product]),
    ]


if __name__ == "__main__":
    run(main)
