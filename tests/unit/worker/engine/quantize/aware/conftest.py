"""A small residual network with batch norms, and labelled images that it can learn."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import helper

from lathe.task import Task
from lathe.techniques.optimize import OptimizeGraph
from tests.unit.worker.engine.quantize.conftest import Graph
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec

Learn = Callable[[Checkpoint], Context]
NODES = [
    helper.make_node("Conv", ["x", "a"], ["a1"], pads=[1, 1, 1, 1]),
    helper.make_node("BatchNormalization", ["a1", "s", "b", "mean", "var"], ["a2"]),
    helper.make_node("Relu", ["a2"], ["a3"]),
    helper.make_node("Conv", ["a3", "c"], ["c1"], pads=[1, 1, 1, 1]),
    helper.make_node("BatchNormalization", ["c1", "s", "b", "mean", "var"], ["c2"]),
    helper.make_node("Add", ["c2", "a3"], ["sum"]),
    helper.make_node("Relu", ["sum"], ["r"]),
    helper.make_node("Conv", ["r", "d", "d.bias"], ["d1"], strides=[2, 2]),
    helper.make_node("Clip", ["d1", "zero", "most"], ["d2"]),
    helper.make_node("MaxPool", ["d2"], ["pooled"], kernel_shape=[2, 2]),
    helper.make_node("GlobalAveragePool", ["pooled"], ["mean_of_all"]),
    helper.make_node("Flatten", ["mean_of_all"], ["flat"]),
    helper.make_node("MatMul", ["flat", "m"], ["product"]),
    helper.make_node("Add", ["product", "m.bias"], ["hidden"]),
    helper.make_node("Relu", ["hidden"], ["positive"]),
    helper.make_node("Gemm", ["positive", "g", "g.bias"], ["y"], transB=1),
]
SHAPES = {
    "a": (4, 2, 3, 3), "c": (4, 4, 3, 3), "d": (5, 4, 2, 2), "d.bias": (5,), "m": (5, 6),
    "m.bias": (6,), "g": (3, 6), "g.bias": (3,),
}  # fmt: skip


@dataclass(frozen=True)
class Images:
    """Noise; the class is told by how bright the first channel is."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]

    @property
    def count(self) -> int:
        return len(self.x)

    @property
    def has_labels(self) -> bool:
        return True

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": self.x[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        return self.y[rows]


@pytest.fixture
def pictures() -> Images:
    draw = np.random.default_rng(5)
    y = draw.integers(0, 3, 120)
    x = draw.standard_normal((120, 2, 8, 8))
    x[:, 0] += (y - 1)[:, None, None]
    return Images(x.astype(np.float32), y)


@pytest.fixture
def learn(tmp_path: Path, pictures: Images) -> Learn:
    def make(checkpoint: Checkpoint) -> Context:
        return Context(
            io_spec(checkpoint.model),
            tmp_path,
            seed=7,
            task=Task(kind="classification"),
            train=pictures,
            calibration=pictures,
        )

    return make


@pytest.fixture
def residual(build: Graph, learn: Learn) -> Checkpoint:
    """As an upload is kept: its batch norms are in the convolutions before them."""
    draw = np.random.default_rng(11)
    weights: Arrays = {
        n: (draw.standard_normal(s) / np.sqrt(np.prod(s[1:]))).astype(np.float32)
        for n, s in SHAPES.items()
    }
    weights |= {n: draw.uniform(0.5, 1.5, 4).astype(np.float32) for n in ("s", "b", "mean")}
    weights |= {"var": np.float32([0.5, 1, 2, 3])}
    weights |= {"zero": np.float32(0), "most": np.float32(1.25)}
    made = build(NODES, weights, {"x": ["n", 2, 8, 8]}, {"y": ["n", 3]})
    return apply(made, OptimizeGraph(), learn(made)).checkpoint
