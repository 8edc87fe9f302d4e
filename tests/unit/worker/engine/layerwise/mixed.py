"""Nets with every kind of layer that is looked at, small and seeded."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.context import Arrays


@pytest.fixture
def mixed() -> onnx.ModelProto:
    """image (n, 2, 6, 5) and words (n, 4) -> Conv in groups, Gemm; table, LSTM both ways,
    MatMul + Add; their sum is y (n, 3)."""
    draw = np.random.default_rng(5)

    def some(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return (draw.normal(size=shape) * 0.4).astype(np.float32)

    tensors: Arrays = {
        "conv": some(4, 1, 3, 2),
        "conv_bias": some(4),
        "gemm": some(3, 64),
        "gemm_bias": some(3),
        "table": some(11, 5),
        "w": some(2, 24, 5),
        "r": some(2, 24, 6),
        "b": some(2, 48),
        "matmul": some(48, 3),
        "added": some(3),
        "flat": np.array([0, -1], np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["image", "conv", "conv_bias"], ["c"], group=2),
        helper.make_node("Relu", ["c"], ["cr"]),
        helper.make_node("Flatten", ["cr"], ["cf"]),
        helper.make_node("Gemm", ["cf", "gemm", "gemm_bias"], ["g"], transB=1),
        helper.make_node("Gather", ["table", "words"], ["e"]),
        helper.make_node("Transpose", ["e"], ["et"], perm=[1, 0, 2]),
        helper.make_node(
            "LSTM", ["et", "w", "r", "b"], ["s"], hidden_size=6, direction="bidirectional"
        ),
        helper.make_node("Transpose", ["s"], ["st"], perm=[2, 0, 1, 3]),
        helper.make_node("Reshape", ["st", "flat"], ["sf"]),
        helper.make_node("MatMul", ["sf", "matmul"], ["m"]),
        helper.make_node("Add", ["m", "added"], ["ma"]),
        helper.make_node("Add", ["g", "ma"], ["y"]),
    ]
    return made(
        nodes,
        tensors,
        {
            "image": (TensorProto.FLOAT, ["n", 2, 6, 5]),
            "words": (TensorProto.INT64, ["n", 4]),
        },
        {"y": (TensorProto.FLOAT, ["n", 3])},
    )


@pytest.fixture
def mixed_inputs() -> Arrays:
    """40 examples for `mixed`."""
    draw = np.random.default_rng(6)
    return {
        "image": draw.normal(size=(40, 2, 6, 5)).astype(np.float32),
        "words": draw.integers(0, 11, (40, 4)),
    }
