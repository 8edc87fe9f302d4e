"""Small graphs for tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Door = tuple[int, Sequence[str | int | None]]


def made(
    nodes: list[onnx.NodeProto],
    tensors: Mapping[str, NDArray[np.generic]],
    inputs: Mapping[str, Door],
    outputs: Mapping[str, Door],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "net",
        [
            helper.make_tensor_value_info(name, kind[0], list(kind[1]))
            for name, kind in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, kind[0], list(kind[1]))
            for name, kind in outputs.items()
        ],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _door(name: str, kind: Door) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind[0], list(kind[1]))
