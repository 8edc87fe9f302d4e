"""Tiny ONNX nets with seeded weights, and what a step reads besides the model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.unit.worker.engine.layerwise.mixed import mixed, mixed_inputs
from tests.unit.worker.engine.prune.perceptron import MLP, ROWS
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec

__all__ = ["mixed", "mixed_inputs"]
Build = Callable[..., onnx.ModelProto]
Around = Callable[[onnx.ModelProto], Context]


@pytest.fixture
def net() -> Build:
    """`net(nodes, x_shape, y_shape, w=(4, 3), ...)`: nodes from "x" to "y"; a tuple becomes a
    random weight of that shape, an array is taken as it is."""

    def build(
        nodes: list[onnx.NodeProto],
        x: list[int],
        y: list[int],
        **tensors: tuple[int, ...] | np.ndarray,
    ) -> onnx.ModelProto:
        draw = np.random.default_rng(11)
        arrays = {
            name: draw.normal(size=t).astype(np.float32) if isinstance(t, tuple) else t
            for name, t in tensors.items()
        }
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *x])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *y])],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    return build


@pytest.fixture
def context(tmp_path: Path) -> Callable[[onnx.ModelProto], Context]:
    return lambda model: Context(io=io_spec(model), folder=tmp_path, seed=5)


@pytest.fixture
def mlp(net: Build) -> onnx.ModelProto:
    """2 - 5 - 3 with 10 + 5 + 15 + 3 = 33 parameters and 10 + 15 = 25 MACs."""
    ones = np.ones((3, 5), np.float32)
    return net(MLP, [2], [3], a=ROWS, a_bias=(5,), b=ones, b_bias=(3,))
