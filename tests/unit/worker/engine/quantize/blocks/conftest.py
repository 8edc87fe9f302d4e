"""A net with a weight of every form that integers are stored in, all worth their bytes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import made
from tests.unit.worker.engine.layerwise.mixed import mixed
from worker.engine.context import Arrays, Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.session import open_session, run

__all__ = ["mixed"]


class Both:
    """Examples of `wide`, 48 of them."""

    count = 48
    has_labels = False

    def __init__(self) -> None:
        draw = np.random.default_rng(6)
        self.image = draw.normal(size=(self.count, 4, 6, 5)).astype(np.float32)
        self.words = draw.integers(0, 50, (self.count, 7))

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"image": self.image[rows], "words": self.words[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        raise AssertionError(rows)


@pytest.fixture
def wide() -> onnx.ModelProto:
    """image (n, 4, 6, 5) and words (n, 7) -> y (n, 33): Conv in groups, ConvTranspose and a
    Gemm; table, LSTM both ways, a MatMul with its weight on the left and one with it on the
    right; a Gemm on both."""
    draw = np.random.default_rng(5)

    def some(*shape: int) -> NDArray[np.float32]:
        return (draw.normal(size=shape) * 0.3 + 0.05).astype(np.float32)

    tensors: Arrays = {
        "conv": some(44, 2, 3, 3),
        "conv_bias": some(44),
        "up": some(44, 3, 3, 3),
        "gemm": some(45, 90),
        "gemm_bias": some(45),
        "table": some(50, 28),
        "w": some(2, 24, 28),
        "r": some(2, 24, 6),
        "b": some(2, 48),
        "left": some(41, 7),
        "matmul": some(41 * 12, 37),
        "added": some(37),
        "turned": some(82, 33),
        "two_axes": some(1, 33),
        "flat": np.array([0, -1], np.int64),
        "steps": np.array([0, 7, 12], np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "conv", "conv_bias"], ["c"], group=2),
        node("Relu", ["c"], ["cr"]),
        node("ConvTranspose", ["cr", "up"], ["cu"]),
        node("Flatten", ["cu"], ["cf"]),
        node("Gemm", ["cf", "gemm", "gemm_bias"], ["g"], transB=1),
        node("Gather", ["table", "words"], ["e"]),
        node("Transpose", ["e"], ["et"], perm=[1, 0, 2]),
        node("LSTM", ["et", "w", "r", "b"], ["s"], hidden_size=6, direction="bidirectional"),
        node("Transpose", ["s"], ["st"], perm=[2, 0, 1, 3]),
        node("Reshape", ["st", "steps"], ["sr"]),
        node("MatMul", ["left", "sr"], ["sl"]),
        node("Reshape", ["sl", "flat"], ["sf"]),
        node("MatMul", ["sf", "matmul"], ["m"]),
        node("Add", ["m", "added"], ["ma"]),
        node("Concat", ["g", "ma"], ["gm"], axis=1),
        node("Gemm", ["gm", "turned", "two_axes"], ["y"]),
    ]
    return made(
        nodes,
        tensors,
        {
            "image": (TensorProto.FLOAT, ["n", 4, 6, 5]),
            "words": (TensorProto.INT64, ["n", 7]),
        },
        {"y": (TensorProto.FLOAT, ["n", 33])},
    )


@pytest.fixture
def both() -> Both:
    return Both()


@pytest.fixture
def seeing(tmp_path: Path, wide: onnx.ModelProto, both: Both) -> Context:
    """A context with calibration examples for `wide`."""
    return Context(io_spec(wide), tmp_path, calibration=both)


@pytest.fixture
def answers(both: Both) -> Callable[[onnx.ModelProto], NDArray[np.float32]]:
    """What a form of `wide` says about all examples, (48, 33)."""

    def answer(model: onnx.ModelProto) -> NDArray[np.float32]:
        y = run(open_session(model), both.inputs(np.arange(both.count)))["y"]
        return np.asarray(y, np.float32)

    return answer
