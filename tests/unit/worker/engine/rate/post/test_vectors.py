"""Which vectors have a grid, and which bias belongs to which weight."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import Door, made
from worker.engine.layerwise.site import sites
from worker.engine.rate.post.vectors import biases, on_fine_grid, vectors


def test_biases_are_found_by_their_weight(mixed: onnx.ModelProto) -> None:
    assert vectors(mixed) == ("conv_bias", "b")  # the others have 3 numbers
    assert biases(mixed, sites(mixed)) == {
        "conv": "conv_bias",
        "gemm": "gemm_bias",
        "matmul": "added",
    }


def test_a_bias_that_two_layers_add_belongs_to_neither() -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "one", "bias"], ["h"]),
        helper.make_node("Gemm", ["h", "two", "bias"], ["y"], alpha=1.0),
    ]
    square = np.ones((4, 4), np.float32)
    kind: Door = (TensorProto.FLOAT, ["n", 4])
    tensors = {"one": square, "two": square, "bias": np.ones(4, np.float32)}
    model = made(nodes, tensors, {"x": kind}, {"y": kind})
    assert biases(model, sites(model)) == {}
    assert vectors(model) == ("bias",)


def test_a_fine_grid_has_sixteen_steps_to_the_root_mean_square() -> None:
    grid = on_fine_grid(np.array([3.0, -4.0, 0.1, 5.0], np.float32))
    assert grid is not None
    codes, step = grid
    assert step == pytest.approx(5 / 127, rel=0.01)  # finer than 3.54 / 16
    assert codes.tolist() == [76, -102, 3, 127]
    spread = np.zeros(100, np.float32)
    spread[0] = 100.0  # root mean square 10
    coarse = on_fine_grid(spread)
    assert coarse is not None
    assert coarse[1] == pytest.approx(10 / 16, rel=0.01)
    assert on_fine_grid(np.zeros(4, np.float32)) is None
