"""SmoothQuant: which layers, what scales, and where they go."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.techniques.quantize import QuantizeStatic
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context, Samples, silent
from worker.engine.gate import same_function
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.spill import Spill
from worker.engine.quantize.static.feed import Feed
from worker.engine.quantize.static.lower import quantize_static
from worker.engine.quantize.static.smooth import Smoothed, smooth, smoothing

Floats = NDArray[np.float32]
Graph = Callable[..., Checkpoint]
Smooth = Callable[..., tuple[Smoothed, onnx.ModelProto]]
X = np.float32([[1, 2, 6], [-3, 1, 0.5], [2, -8, 1]])


@pytest.fixture
def smoothed(tmp_path: Path, samples: Callable[[Floats], Samples]) -> Smooth:
    def make(net: Checkpoint, *untouchable: str, alpha: float = 0.5) -> object:
        model, feed = net.private(), Feed(samples(X), 1, silent, 1)
        with Spill(tmp_path / f"{len(list(tmp_path.iterdir()))}") as spill:
            found = smooth(model, alpha, untouchable, feed, spill)
        onnx.checker.check_model(model, full_check=True)
        same_function(net.model, model, [{"x": X}])
        return found, model

    return make  # type: ignore[return-value]


def numbers(model: onnx.ModelProto) -> Arrays:
    return {name: numpy_helper.to_array(t) for name, t in initializers(model).items()}


def test_alpha_says_how_much_of_the_outliers_moves() -> None:
    inputs, weights = np.float64([16, 9, 0, 5]), np.float64([[-4, 1, 2, 0], [1, 4, 3, 0]])
    assert smoothing(inputs, weights, 0.5).tolist() == [2, 1.5, 1, 1]
    assert smoothing(inputs, weights, 1.0).tolist() == [16, 9, 1, 1]
    assert smoothing(inputs, weights, 0.0).tolist() == [0.25, 0.25, 1, 1]


@pytest.fixture
def scaled(build: Graph) -> Checkpoint:
    """x (n, 3) * f + a -> MatMul u and Gemm v, transposed; their sum is y (n, 2)."""
    nodes = [
        helper.make_node("Mul", ["x", "f"], ["m"]),
        helper.make_node("Add", ["a", "m"], ["h"]),
        helper.make_node("MatMul", ["h", "u"], ["p"]),
        helper.make_node("Gemm", ["h", "v"], ["q"], transB=1),
        helper.make_node("Add", ["p", "q"], ["y"]),
    ]
    weights = {
        "f": np.float32(2),
        "a": np.float32([0, -2, 4]),
        "u": np.float32([[1, -0.5], [0.25, 0], [1, 1]]),
        "v": np.float32([[-1.5, 0.5, 4], [0, 1, -2]]),
    }
    return build(nodes, weights, {"x": ["n", 3]}, {"y": ["n", 2]})


def test_scales_go_into_the_factors_before_where_nothing_else_reads_them(
    scaled: Checkpoint, smoothed: Smooth
) -> None:
    """max|2 x + a| = 6, 18, 16; max|w| over both layers = 1.5, 1, 4: s = 2, sqrt(18), 2."""
    found, model = smoothed(scaled)
    after, s = numbers(model), np.sqrt(np.float32([4, 18, 4]))
    assert found == Smoothed(layers=2, folded=2)
    assert after["f_smooth"] == pytest.approx(2 / s)
    assert after["a_smooth"] == pytest.approx(np.float32([0, -2, 4]) / s)
    assert after["u"] == pytest.approx(numbers(scaled.model)["u"] * s[:, None])
    assert after["v"] == pytest.approx(numbers(scaled.model)["v"] * s)
    assert [node.op_type for node in model.graph.node].count("Mul") == 1
    assert not {"f", "a"} & after.keys()


def test_a_multiplication_is_added_where_others_read_the_value_or_its_factors_must_stay(
    scaled: Checkpoint, smoothed: Smooth
) -> None:
    read = Checkpoint(scaled.private())
    read.model.graph.node.append(helper.make_node("Neg", ["h"], ["unused"]))
    for net, untouchable in ((read, ()), (scaled, ("a",))):
        found, model = smoothed(net, *untouchable)
        assert found == Smoothed(layers=2, folded=0)
        assert [node.op_type for node in model.graph.node].count("Mul") == 2
        assert numbers(model)["h_factor"] == pytest.approx(1 / np.sqrt([4, 18, 4]))
    found, model = smoothed(scaled, "u")
    assert found == Smoothed(layers=1, folded=0)
    assert (numbers(model)["u"] == numbers(scaled.model)["u"]).all()


@pytest.fixture
def normed(build: Graph) -> Checkpoint:
    """x (n, 3) -> norm -> MatMul u -> norm, also added to what comes of it -> MatMul v."""
    nodes = [
        helper.make_node("LayerNormalization", ["x", "g", "s"], ["h"]),
        helper.make_node("MatMul", ["h", "u"], ["p"]),
        helper.make_node("LayerNormalization", ["p", "t"], ["k"]),
        helper.make_node("MatMul", ["k", "v"], ["q"]),
        helper.make_node("Add", ["q", "k"], ["y"]),
    ]
    draw = np.random.default_rng(3)
    weights = {
        "g": np.float32([1, 30, 2]),
        "s": np.float32([0, 5, -1]),
        "u": draw.normal(size=(3, 3)).astype(np.float32),
        "t": np.float32([40, 1, 0.5]),
        "v": draw.normal(size=(3, 3)).astype(np.float32),
    }
    return build(nodes, weights, {"x": ["n", 3]}, {"y": ["n", 3]})


def test_a_norm_takes_the_scales_up_unless_a_residual_reads_it(
    normed: Checkpoint, smoothed: Smooth
) -> None:
    found, model = smoothed(normed)
    assert found == Smoothed(layers=2, folded=1)
    after, before = numbers(model), numbers(normed.model)
    s = after["u"][:, 0] / before["u"][:, 0]
    assert after["g_smooth"] == pytest.approx(before["g"] / s)
    assert after["s_smooth"] == pytest.approx(before["s"] / s)
    assert (after["t"] == before["t"]).all()
    along_other_axes = Checkpoint(normed.private())
    for node in along_other_axes.model.graph.node:
        if node.op_type == "LayerNormalization":
            node.attribute.append(helper.make_attribute("axis", 1))
    assert smoothed(along_other_axes)[0] == Smoothed()


def test_what_is_behind_no_factor_is_left(convnet: Checkpoint, tmp_path: Path) -> None:
    model = convnet.private()
    with Spill(tmp_path / "spill") as spill:
        assert smooth(model, 0.5, (), Feed(None, 1, silent, 1), spill) == Smoothed()  # type: ignore[arg-type]
    assert model == convnet.model


def test_integers_behind_a_loud_channel_are_closer(
    normed: Checkpoint,
    samples: Callable[[Floats], Samples],
    context: Callable[..., Context],
    sqnr: Callable[[Checkpoint, Checkpoint, Arrays], float],
) -> None:
    x = np.random.default_rng(4).normal(size=(200, 3)).astype(np.float32)
    quiet = Checkpoint(normed.private())
    for name, factors in (("u", [1, 1 / 30, 1]), ("v", [1 / 40, 1, 1])):
        weight = initializers(quiet.model)[name]
        values = numpy_helper.to_array(weight) * np.float32(factors)[:, None]
        weight.CopyFrom(numpy_helper.from_array(values, name))
    seen = context(quiet, samples(x))
    plain = quantize_static(quiet, QuantizeStatic(), seen)
    better = quantize_static(quiet, QuantizeStatic(smooth=0.5), seen)
    assert better.facts["layers_smoothed"] == 2
    assert better.facts["layers_smoothed_at_no_cost"] == 1
    gain = sqnr(quiet, better.checkpoint, {"x": x}) - sqnr(quiet, plain.checkpoint, {"x": x})
    assert gain > 6


def multiplied(build: Graph, factor: Floats) -> Checkpoint:
    """x (n, 3) * factor -> MatMul u."""
    nodes = [
        helper.make_node("Mul", ["x", "f"], ["m"]),
        helper.make_node("MatMul", ["m", "u"], ["y"]),
    ]
    weights = {"f": factor, "u": np.float32([[1, -0.5], [0.25, 0], [1, 1]])}
    return build(nodes, weights, {"x": ["n", 3]}, {"y": ["n", 2]})


def test_inputs_and_weights_below_one_have_scales_too(build: Graph, smoothed: Smooth) -> None:
    """max|x| / 16 = 3/16, 8/16, 6/16 over max|w| = 1, 1/4, 1."""
    assert smoothing(np.float64([4]), np.float64([[0.25]]), 0.5).tolist() == [4]
    net = multiplied(build, np.array(1 / 16, np.float32))
    s = np.sqrt(np.float32([3 / 16, 2, 6 / 16]))
    assert numbers(smoothed(net)[1])["u"] == pytest.approx(numbers(net.model)["u"] * s[:, None])


def test_every_group_that_needs_a_multiplication_gets_it_in_its_place(
    normed: Checkpoint, smoothed: Smooth
) -> None:
    found, model = smoothed(normed, "g")
    assert found == Smoothed(layers=2, folded=0)
    assert [node.op_type for node in model.graph.node] == [
        "LayerNormalization", "Mul", "MatMul", "LayerNormalization", "Mul", "MatMul", "Add",
    ]  # fmt: skip


def test_the_order_of_a_sum_and_an_axis_that_is_said_change_nothing(
    scaled: Checkpoint, normed: Checkpoint, smoothed: Smooth
) -> None:
    scaled.model.graph.node[1].input[:] = ["m", "a"]
    assert smoothed(scaled)[0] == Smoothed(layers=2, folded=2)
    for node in (normed.model.graph.node[0], normed.model.graph.node[2]):
        node.attribute.append(helper.make_attribute("axis", -1))
    assert smoothed(normed)[0] == Smoothed(layers=2, folded=1)


def test_what_cannot_be_divided_by_s_is_left(
    scaled: Checkpoint, build: Graph, smoothed: Smooth
) -> None:
    squared = Checkpoint(scaled.private())  # a Mul without a constant
    squared.model.graph.node[0].input[1] = "x"
    squared.model.graph.node[2].input[0] = squared.model.graph.node[3].input[0] = "m"
    assert smoothed(squared)[0] == Smoothed()
    summed = Checkpoint(scaled.private())  # an Add without a Mul before it
    summed.model.graph.node[1].input[1] = "x"
    assert smoothed(summed)[0] == Smoothed()
    read = Checkpoint(scaled.private())  # the Mul before the Add is read elsewhere
    read.model.graph.node.append(helper.make_node("Neg", ["m"], ["unused"]))
    assert smoothed(read)[0] == Smoothed()
    assert smoothed(multiplied(build, np.array([[1, 2, 3]], np.float32)))[0] == Smoothed()
    twice = Checkpoint(scaled.private())  # one weight for two layers
    twice.model.graph.node.append(helper.make_node("MatMul", ["h", "u"], ["unused"]))
    assert smoothed(twice)[0] == Smoothed(layers=1, folded=0)
