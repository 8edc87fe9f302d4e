"""A tiny net, and points in the plane that it can learn to tell apart."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.task import Task
from lathe.techniques.train import Adam, Recover
from tests.unit.worker.engine.points import Points
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


@pytest.fixture
def points() -> Points:
    """Six numbers an example, of which only the first two tell anything."""
    return Points.around_centres(128, 6)


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
