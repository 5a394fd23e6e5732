"""Make the small graph by which `aivsreal.sessions` tells whether this processor cuts off sums of products.

python research/make_products.py --out src/aivsreal/products.onnx

Levels up to 255 times weights of 127: two such products are more than sixteen bits hold.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from aivsreal.cli.script import parser_of, run

INPUTS, OUTPUTS, LARGEST = 64, 16, 127


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["levels", "weights"], ["sums"])],
        "products",
        [helper.make_tensor_value_info("levels", TensorProto.UINT8, ["n", INPUTS])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, ["n", OUTPUTS])],
        [numpy_helper.from_array(np.full((INPUTS, OUTPUTS), LARGEST, np.int8), "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9), chosen.out)


if __name__ == "__main__":
    run(main)
