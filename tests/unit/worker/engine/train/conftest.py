"""Tiny nets, and points in the plane that they can learn to tell apart."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.task import Task
from tests.unit.worker.engine.points import Points
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec

Build = Callable[..., onnx.ModelProto]


@pytest.fixture
def points() -> Points:
    return Points.around_centres(200)


@pytest.fixture
def net() -> Build:
    """`net(*ops)`: x (n, 2) -> Gemm a (5) -> Relu -> Gemm b (3) -> each of `ops` -> y."""

    def build(*ops: str, classes: int = 3, hidden: int = 5, seed: int = 4) -> onnx.ModelProto:
        draw = np.random.default_rng(seed)
        tensors: Arrays = {
            "a": draw.normal(size=(hidden, 2)).astype(np.float32),
            "a_bias": np.zeros(hidden, np.float32),
            "b": draw.normal(size=(classes, hidden)).astype(np.float32) * 0.3,
            "b_bias": np.zeros(classes, np.float32),
        }
        names = ["logits", *(f"v{k}" for k in range(len(ops)))]
        names[-1] = "y"
        nodes = [
            helper.make_node("Gemm", ["x", "a", "a_bias"], ["h"], transB=1),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "b", "b_bias"], [names[0]], transB=1),
            *(helper.make_node(op, [names[k]], [names[k + 1]]) for k, op in enumerate(ops)),
        ]
        graph = helper.make_graph(
            nodes,
            "net",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", classes])],
            [numpy_helper.from_array(array, name) for name, array in tensors.items()],
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10
        )

    return build


@pytest.fixture
def context(tmp_path: Path, points: Points, net: Build) -> Context:
    return Context(
        io=io_spec(net()),
        folder=tmp_path,
        seed=7,
        task=Task(kind="classification"),
        train=points,
        teachers={"baseline": net(seed=8)},
    )
