"""A tiny net, and points in the plane that it can learn to tell apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from lathe.job import Task
from lathe.techniques.train import Adam, Recover
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.threads import torch_threads
from worker.engine.train.recover import recover


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors this small are slower with more."""
    with torch_threads(1):
        yield


@dataclass(frozen=True)
class Points:
    """Points around three centres, labelled by their centre."""

    x: NDArray[np.float32]
    y: NDArray[np.int64] | None

    @property
    def count(self) -> int:
        return len(self.x)

    @property
    def has_labels(self) -> bool:
        return self.y is not None

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": self.x[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        assert self.y is not None
        return self.y[rows]


@pytest.fixture
def points() -> Points:
    """Six numbers an example, of which only the first two tell anything."""
    draw = np.random.default_rng(3)
    labels = draw.integers(0, 3, 128)
    centres = np.zeros((3, 6), np.float32)
    centres[:, :2] = [[2, 0], [-1, 2], [-1, -2]]
    x = centres[labels] + draw.normal(size=(128, 6)).astype(np.float32) * 0.4
    return Points(x.astype(np.float32), labels)


@pytest.fixture
def untrained() -> onnx.ModelProto:
    """x (n, 6) -> Gemm a (16) -> Relu -> MatMul b (3) + b_bias -> y."""
    draw = np.random.default_rng(4)
    tensors: Arrays = {
        "a": draw.normal(size=(16, 6)).astype(np.float32) * 0.4,
        "a_bias": np.zeros(16, np.float32),
        "b": draw.normal(size=(16, 3)).astype(np.float32) * 0.3,
        "b_bias": np.zeros(3, np.float32),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "a", "a_bias"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "b"], ["m"]),
        helper.make_node("Add", ["m", "b_bias"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def context(tmp_path: Path, points: Points, untrained: onnx.ModelProto) -> Context:
    return Context(
        io=io_spec(untrained),
        folder=tmp_path,
        seed=7,
        task=Task(kind="classification"),
        train=points,
    )


@pytest.fixture
def dense(untrained: onnx.ModelProto, context: Context) -> onnx.ModelProto:
    """The net after a short training: it tells nearly all points apart."""
    spec = Recover(epochs=4, batch_size=16, optimizer=Adam(lr=0.02))
    return recover(Checkpoint(untrained), spec, context).checkpoint.model


@pytest.fixture
def taught(context: Context, dense: onnx.ModelProto) -> Context:
    """The context with the dense net as the teacher."""
    context.teachers["baseline"] = dense
    return context
