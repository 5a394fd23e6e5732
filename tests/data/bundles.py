"""A model small enough to be written by hand, whose verdicts can be foretold: bright pictures are AI.

    bundle = tiny_bundle(tmp_path / "tiny")            # bright: ai; dark: real; mid grey: uncertain

A view's map is, on a grid of 4 x 4, GAIN * (brightness in 0..1 - 0.5); its logit is the mean of that map and
its embedding the mean red, green and blue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from aivsreal.bundle import Bundle, Card, save_bundle
from aivsreal.training.tower_graph import Head, with_judge

GAIN = 20.0
GRID = 4
# What is redder than green by a tenth looks drawn to a card with it, and must lie 4 above the threshold's log-odds of 1.1.
TELLS_DRAWINGS = {"weight": [1.0, -1.0], "bias": -0.1, "stricter": 4.0, "promise_ai": "Of drawings, few."}


def tiny_bundle(
    folder: str | Path,
    *,
    name: str = "tiny",
    version: str = "1.0.0",
    views: dict[str, Any] | None = None,
    gain: float = GAIN,
    **card: Any,
) -> Bundle:
    """Return the bundle saved in `folder`; `views` and `card` override what the card says."""
    spec = {"size": 32, "whole": "square", "tiles": 0, **(views or {})}
    graph = tiny_graph(spec["size"], gain=gain)
    return save_bundle(folder, onnx=graph, weights=b"tiny", card=tiny_card(name, version, spec, **card))


def tiny_card(
    name: str = "tiny", version: str = "1.0.0", views: dict[str, Any] | None = None, **card: Any
) -> Card:
    """Return a card with thresholds .25 and .75; `card` overrides any key."""
    spec = views or {"size": 32, "whole": "square"}
    content = {
        "name": name,
        "version": version,
        "created": "2026-01-31",
        "summary": "Takes bright pictures for AI. Only for tests.",
        "licence": "MIT",
        "network": {
            "backbone": "mean",
            "input_size": spec["size"],
            "parameters": 0,
            "initialised_from": "nothing",
        },
        "views": spec,
        "thresholds": {
            "real_below": 0.25,
            "ai_above": 0.75,
            "promise_ai": "It is bright.",
            "promise_real": "It is dark.",
            "fitted_on": "drawn pictures",
        },
        "training": {"data_name": "none", "data_fingerprint": "0" * 64},
        "limits": ["It knows nothing."],
        **card,
    }
    return Card.model_validate(content)


def tiny_tower(size: int = 32, *, weight: tuple[float, float, float] = (0, 0, 0), bias: float = 0) -> bytes:
    """Return a tower's graph: its embedding is the mean red, green and blue in 0..1, and it holds a head."""
    cell = size // GRID
    nodes = [
        helper.make_node("Cast", ["views"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("ReduceMean", ["cells", "over_places"], ["embedding"], keepdims=0),
        helper.make_node("Transpose", ["cells"], ["places"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["places", "head_weight"], ["unbiased"]),
        helper.make_node("Add", ["unbiased", "head_bias"], ["map"]),
        helper.make_node("ReduceMean", ["map", "over_map"], ["logit"], keepdims=0),
    ]
    constants = {
        "white": np.float32(255),
        "over_places": np.int64([2, 3]),
        "over_map": np.int64([1, 2]),
        "head_weight": np.float32(weight),
        "head_bias": np.float32(bias),
    }
    return _graph(nodes, constants, "views", size)


def token_tower() -> bytes:
    """Return a tower of 4 x 4 patches, each the mean colour of 2 x 2 pixels; its class token is their maximum."""
    nodes = [
        helper.make_node("Cast", ["views"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["levels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["cells"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["cells", "flat"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["patches"], perm=[0, 2, 1]),
        helper.make_node("ReduceMax", ["rows"], ["class_token"], axes=[2], keepdims=0),
    ]
    views = helper.make_tensor_value_info("views", TensorProto.UINT8, ["n", 8, 8, 3])
    sides = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 2, 2])
    flat = numpy_helper.from_array(np.int64([0, 3, 16]), "flat")
    graph = helper.make_graph(nodes, "tokens", [views], [sides], [flat])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    helper.set_model_props(model, {"notice": "drawn by a test"})
    return with_judge(model.SerializeToString(), Head(np.zeros(6), 0.0))


def tiny_graph(size: int = 32, *, gain: float = GAIN, inputs: str = "views") -> bytes:
    """Return the graph: uint8 views [n, size, size, 3] -> logit [n], map [n, 4, 4], embedding [n, 3]."""
    cell = size // GRID
    nodes = [
        helper.make_node("Cast", [inputs], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["planes"], ["cells"], kernel_shape=[cell, cell], strides=[cell, cell]
        ),
        helper.make_node("ReduceMean", ["cells", "over_places"], ["embedding"], keepdims=0),
        helper.make_node("ReduceMean", ["cells", "over_colours"], ["brightness"], keepdims=0),
        helper.make_node("Sub", ["brightness", "half"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["map"]),
        helper.make_node("ReduceMean", ["map", "over_map"], ["logit"], keepdims=0),
    ]
    constants = {
        "white": np.float32(255),
        "half": np.float32(0.5),
        "gain": np.float32(gain),
        "over_places": np.int64([2, 3]),
        "over_colours": np.int64([1]),
        "over_map": np.int64([1, 2]),
    }
    return _graph(nodes, constants, inputs, size)


def _graph(nodes: list[Any], constants: dict[str, Any], inputs: str, size: int) -> bytes:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(inputs, TensorProto.UINT8, ["n", size, size, 3])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", GRID, GRID]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 3]),
        ],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()
