"""Bias correction: the mean error of rounded weights goes into the bias."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.techniques.quantize import PerTensor, QuantizeStatic, WeightGrid
from worker.engine.checkpoint import Checkpoint, QuantizedWeights
from worker.engine.context import Arrays, Context, Samples
from worker.engine.graph.initializers import initializers
from worker.engine.quantize.static.bias_correction import (
    Means,
    _rounded,
    add_biases,
    correct_biases,
)
from worker.engine.quantize.static.lower import quantize_static
from worker.engine.session import open_session, run

Floats = NDArray[np.float32]
Graph = Callable[..., Checkpoint]
BY_TENSOR = QuantizedWeights(8, symmetric=True, axis=None)


def test_the_error_is_of_the_means_of_both_nets() -> None:
    """W' E[x'] - W E[x] = [3 * 2 - 2 * 1, 5 * 4 - 5 * 8] of means 1 and 2, 8 and 4."""
    means = Means(groups=2, columns=1)
    means.add(np.float32([[[0]], [[9]]]), np.float32([[[5]], [[3]]]))
    floats = np.float32([[[1], [2]], [[7], [8]]])
    rounded = np.float32([[[-1], [2]], [[5], [4]]])
    means.add(floats, rounded)
    weights = np.float32([[[2]], [[5]]]), np.float32([[[3]], [[5]]])
    assert means.error(*weights).tolist() == [3 * 2 - 2 * 1, 5 * 4 - 5 * 8]


@pytest.fixture
def two(build: Graph) -> Checkpoint:
    """x (n, 2) -> Gemm w + b -> Gemm v, transposed, without a bias -> y (n, 1)."""
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Gemm", ["h", "v"], ["y"], transB=1),
    ]
    weights = {
        "w": np.float32([[1, 2], [3, 4]]),
        "b": np.float32([10, 20]),
        "v": np.float32([[1, -1]]),
    }
    return build(nodes, weights, {"x": ["n", 2]}, {"y": ["n", 1]})


def integers(**codes: list[list[int]]) -> onnx.ModelProto:
    """A model that holds only what the weights became, all of scale 1/2."""
    tensors = []
    for name, values in codes.items():
        parts = {
            "quantized": np.int8(values),
            "scale": np.float32(0.5),
            "zero_point": np.int8(0),
        }
        tensors += [numpy_helper.from_array(v, f"{name}_{part}") for part, v in parts.items()]
    return onnx.ModelProto(graph=onnx.GraphProto(initializer=tensors))


def test_later_layers_see_what_earlier_ones_were_corrected_to(
    two: Checkpoint, samples: Callable[[Floats], Samples], context: Callable[..., Context]
) -> None:
    """E[x] = [2, 6]; w becomes [[1.5, 2], [3, 4.5]]: outputs move by [0.5 * 2, 0.5 * 6]. Then
    h has its old mean [2 + 18 + 10, 4 + 24 + 20] = [30, 48], and v' = [1, -0.5] adds 24."""
    model = two.private()
    add_biases(model)
    seen = context(two, samples(np.float32([[1, 4], [3, 8]])))
    lowered = integers(w=[[3, 4], [6, 9]], v=[[2, -1]])
    grids = dict.fromkeys("wv", BY_TENSOR)
    assert correct_biases(model, lowered, grids, seen) == 2
    after = {name: numpy_helper.to_array(t) for name, t in initializers(model).items()}
    assert after["b"] == pytest.approx([10 - 1, 20 - 3])
    assert after["v_bias"] == pytest.approx([-24])
    assert (after["w"] == [[1, 2], [3, 4]]).all()


def test_layers_that_stay_float_keep_their_biases(
    two: Checkpoint, samples: Callable[[Floats], Samples], context: Callable[..., Context]
) -> None:
    model = two.private()
    add_biases(model)
    seen = context(two, samples(np.float32([[1, 4], [3, 8]])))
    assert correct_biases(model, integers(v=[[2, -1]]), {"v": BY_TENSOR}, seen) == 1
    after = {name: numpy_helper.to_array(t) for name, t in initializers(model).items()}
    assert after["b"].tolist() == [10, 20]
    assert after["v_bias"] == pytest.approx([-24])


def test_the_mean_of_the_answers_comes_back(
    convnet: Checkpoint,
    images: Floats,
    samples: Callable[[Floats], Samples],
    context: Callable[..., Context],
) -> None:
    """Inputs around 2, and one large weight that makes the steps of all the others coarse."""
    coarse = Checkpoint(convnet.private())
    tensors = initializers(coarse.model)
    for name in "ab":
        weight = numpy_helper.to_array(tensors[name]).copy()
        weight[0, 0, 0, 0] = 12
        tensors[name].CopyFrom(numpy_helper.from_array(weight, name))
    x = images + np.float32(2)
    seen = context(coarse, samples(x))

    def shift(spec: QuantizeStatic) -> tuple[float, object]:
        outcome = quantize_static(coarse, spec, seen)
        said: list[Arrays] = [
            run(open_session(one.model), {"x": x}) for one in (coarse, outcome.checkpoint)
        ]
        apart = (said[1]["y"] - said[0]["y"]).mean(axis=0)
        return float(np.abs(apart).max()), outcome.facts.get("biases_corrected")

    grid = WeightGrid(granularity=PerTensor())
    plain, none = shift(QuantizeStatic(weights=grid))
    corrected, count = shift(QuantizeStatic(weights=grid, correct_bias=True))
    assert (none, count) == (None, 3)
    assert corrected < plain / 3


def test_only_layers_that_can_have_a_bias_and_have_none_get_one(build: Graph) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "m"], ["h"]),
        helper.make_node("Gemm", ["h", "g"], ["k"]),
        helper.make_node("Gemm", ["k", "v", "b"], ["y"]),
    ]
    shapes = {"m": (2, 4), "g": (4, 3), "v": (3, 1), "b": (1,)}
    weights = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    model = build(nodes, weights, {"x": ["n", 2]}, {"y": ["n", 1]}).private()
    add_biases(model)
    assert [list(node.input) for node in model.graph.node] == [
        ["x", "m"], ["h", "g", "g_bias"], ["k", "v", "b"],
    ]  # fmt: skip
    assert numpy_helper.to_array(initializers(model)["g_bias"]).tolist() == [0, 0, 0]


def test_integers_stand_for_steps_from_the_zero_point_of_their_channel() -> None:
    parts = {
        "w_quantized": np.int8([[3, 4], [6, 9]]),
        "w_scale": np.float32([0.5, 2]),
        "w_zero_point": np.int8([1, -2]),
    }
    stored = {name: numpy_helper.from_array(value, name) for name, value in parts.items()}
    columns = QuantizedWeights(8, symmetric=False, axis=1)
    assert _rounded(stored, "w", columns).tolist() == [[1, 12], [2.5, 22]]
    rows = QuantizedWeights(8, symmetric=False, axis=0)
    assert _rounded(stored, "w", rows).tolist() == [[1, 1.5], [16, 22]]
