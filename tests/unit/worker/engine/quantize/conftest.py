"""Tiny float networks with seeded weights, and samples to calibrate them with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context, Samples
from worker.engine.graph.io_spec import io_spec
from worker.engine.session import open_session, run

Graph = Callable[..., Checkpoint]
Array = NDArray[np.generic]


@dataclass
class Held:
    """Samples of one input."""

    x: Array
    name: str = "x"

    @property
    def count(self) -> int:
        return len(self.x)

    @property
    def has_labels(self) -> bool:
        return False

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {self.name: self.x[rows]}

    def labels(self, rows: NDArray[np.int64]) -> Array:
        raise AssertionError(rows)


@pytest.fixture
def samples() -> Callable[[Array], Samples]:
    return Held


def graph(
    nodes: list[onnx.NodeProto],
    weights: dict[str, Array],
    inputs: dict[str, list[str | int]],
    outputs: dict[str, list[str | int]],
    integers: tuple[str, ...] = (),
) -> Checkpoint:
    def door(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
        kind = TensorProto.INT64 if name in integers else TensorProto.FLOAT
        return helper.make_tensor_value_info(name, kind, shape)

    made = helper.make_graph(
        nodes,
        "g",
        [door(*one) for one in inputs.items()],
        [door(*one) for one in outputs.items()],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights.items()],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return Checkpoint(model)


@pytest.fixture
def build() -> Graph:
    return graph


@pytest.fixture
def convnet() -> Checkpoint:
    """Conv 2->4, Relu, Conv 4->3, mean over the image, Gemm 3->2, as `x` -> `y`."""
    rng = np.random.default_rng(11)

    def weight(*shape: int) -> Array:
        return (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["x", "a", "a.bias"], ["c"], name="first"),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "b"], ["d"]),
        helper.make_node("GlobalAveragePool", ["d"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w"], ["y"], transB=1),
    ]
    weights = {
        "a": weight(4, 2, 3, 3),
        "a.bias": weight(4),
        "b": weight(3, 4, 3, 3),
        "w": weight(2, 3),
    }
    return graph(nodes, weights, {"x": ["n", 2, 8, 8]}, {"y": ["n", 2]})


@pytest.fixture
def images() -> NDArray[np.float32]:
    return np.random.default_rng(3).standard_normal((24, 2, 8, 8)).astype(np.float32)


@pytest.fixture
def context(tmp_path: Path) -> Callable[..., Context]:
    def make(checkpoint: Checkpoint, calibration: Samples | None = None) -> Context:
        return Context(io_spec(checkpoint.model), tmp_path, calibration=calibration)

    return make


@pytest.fixture
def sqnr() -> Callable[[Checkpoint, Checkpoint, Arrays], float]:
    """dB between what two checkpoints answer to the same inputs."""

    def measure(before: Checkpoint, after: Checkpoint, inputs: Arrays) -> float:
        (x,) = run(open_session(before.model), inputs).values()
        (y,) = run(open_session(after.model), inputs).values()
        return float(10 * np.log10((x**2).sum() / ((x - y) ** 2).sum()))

    return measure
