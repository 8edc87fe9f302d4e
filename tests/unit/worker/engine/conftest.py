"""A net with a layer of every kind that training may have to hold, and points to learn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.helper import make_node

from lathe.task import Task
from tests.unit.worker.engine.points import Points
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec

Floats = NDArray[np.float32]
SHAPES = {
    "conv": (4, 1, 1),
    "conv_bias": (4,),
    "w": (2, 12, 4),  # LSTM: two directions, four gates of three units
    "r": (2, 12, 3),
    "b": (2, 24),
    "m": (6, 5),  # MatMul
    "m_bias": (5,),
    "g": (5, 3),  # Gemm without transB
    "t": (3, 5),  # Gemm with transB
    "table": (2, 3),  # Gather
}
NODES = [
    make_node("Unsqueeze", ["x", "one"], ["x3"]),
    make_node("Conv", ["x3", "conv", "conv_bias"], ["c"]),
    make_node("Transpose", ["c"], ["ct"], perm=[2, 0, 1]),
    make_node(
        "LSTM", ["ct", "w", "r", "b"], ["", "h"], hidden_size=3, direction="bidirectional"
    ),
    make_node("Transpose", ["h"], ["ht"], perm=[1, 0, 2]),
    make_node("Reshape", ["ht", "flat"], ["hf"]),
    make_node("MatMul", ["hf", "m"], ["mm"]),
    make_node("Add", ["mm", "m_bias"], ["ma"]),
    make_node("Relu", ["ma"], ["mr"]),
    make_node("Gemm", ["mr", "g"], ["g1"]),
    make_node("Gemm", ["mr", "t"], ["g2"], transB=1),
    make_node("ArgMax", ["x"], ["index"], axis=1, keepdims=0),
    make_node("Gather", ["table", "index"], ["e"]),
    make_node("Add", ["g1", "g2"], ["s"]),
    make_node("Add", ["s", "e"], ["y"]),
]


@pytest.fixture
def every_layer() -> Callable[..., onnx.ModelProto]:
    """`every_layer(m=array, ...)`: x (n, 2) -> y (n, 3), tensors random or as given."""

    def build(**given: Floats) -> onnx.ModelProto:
        draw = np.random.default_rng(2)
        tensors = {n: draw.normal(size=s).astype(np.float32) for n, s in SHAPES.items()}
        more = {"one": np.array([1]), "flat": np.array([0, 6])}
        arrays: Arrays = {**tensors, **given, **more}
        graph = helper.make_graph(
            NODES,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        )
        opset = [helper.make_opsetid("", 18)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model

    return build


@pytest.fixture
def learning(tmp_path: Path, every_layer: Callable[..., onnx.ModelProto]) -> Context:
    """A classification of points that the net can learn, taught by another such net."""
    return Context(
        io=io_spec(every_layer()),
        folder=tmp_path,
        seed=7,
        task=Task(kind="classification"),
        train=Points.around_centres(120),
        teachers={"baseline": every_layer()},
    )
