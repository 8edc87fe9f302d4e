"""Cross-layer equalization: which pairs, what scales, and the same function."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.techniques.quantize import PerTensor, QuantizeStatic, WeightGrid
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Arrays, Context, Samples
from worker.engine.gate import same_function
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.spill import Spill
from worker.engine.quantize.static.equalize import balancing, equalize
from worker.engine.quantize.static.lower import quantize_static
from worker.engine.session import open_session, run

Floats = NDArray[np.float32]
Graph = Callable[..., Checkpoint]


def numbers(model: onnx.ModelProto) -> Arrays:
    return {name: numpy_helper.to_array(t) for name, t in initializers(model).items()}


@pytest.fixture
def equalized(tmp_path: Path) -> Callable[..., tuple[int, onnx.ModelProto]]:
    def make(net: Checkpoint, *untouchable: str) -> tuple[int, onnx.ModelProto]:
        model = net.private()
        with Spill(tmp_path / f"{len(list(tmp_path.iterdir()))}") as spill:
            return equalize(model, untouchable, spill), model

    return make


@pytest.fixture
def gemms(build: Graph) -> Checkpoint:
    """x (n, 2) -> Gemm, transposed -> Relu -> Gemm -> y (n, 1)."""
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w2"], ["y"]),
    ]
    weights = {
        "w1": np.float32([[8, -18], [0.5, 0.25]]),
        "b1": np.float32([6, 1]),
        "w2": np.float32([[2], [-8]]),
    }
    return build(nodes, weights, {"x": ["n", 2]}, {"y": ["n", 1]})


def test_both_sides_of_a_channel_get_the_same_range(
    gemms: Checkpoint, equalized: Callable[..., tuple[int, onnx.ModelProto]]
) -> None:
    """s = sqrt(18 / 2) = 3 and sqrt(0.5 / 8) = 1/4."""
    count, model = equalized(gemms)
    after = numbers(model)
    assert count == 1
    assert after["w1"] == pytest.approx(np.float32([[8 / 3, -6], [2, 1]]))
    assert after["b1"] == pytest.approx(np.float32([2, 4]))
    assert after["w2"] == pytest.approx(np.float32([[6], [-2]]))
    same_function(gemms.model, model, [{"x": np.float32([[1, 2], [-3, 0.5], [2, -1]])}])


def test_a_channel_without_weights_on_one_side_stays() -> None:
    assert balancing(np.float64([0, 4, 9]), np.float64([5, 0, 1])).tolist() == [1, 1, 3]


def test_a_chain_is_gone_through_until_nothing_moves(
    build: Graph, equalized: Callable[..., tuple[int, onnx.ModelProto]]
) -> None:
    """One number each, 64, 1 and 8: all become their geometric mean 8, 512^(1/3)."""
    nodes = [
        helper.make_node("Gemm", ["x", "a"], ["h"]),
        helper.make_node("Gemm", ["h", "b"], ["g"]),
        helper.make_node("Gemm", ["g", "c"], ["y"]),
    ]
    weights = {n: np.float32([[v]]) for n, v in (("a", 64), ("b", 1), ("c", 8))}
    net = build(nodes, weights, {"x": ["n", 1]}, {"y": ["n", 1]})
    count, model = equalized(net)
    assert count == 2
    assert [numbers(model)[name].item() for name in "abc"] == pytest.approx([8] * 3, rel=0.01)


def test_a_scale_goes_no_further_than_256(
    build: Graph, equalized: Callable[..., tuple[int, onnx.ModelProto]]
) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "a"], ["h"]),
        helper.make_node("Gemm", ["h", "b"], ["y"]),
    ]
    weights = {"a": np.float32([[1e-8]]), "b": np.float32([[100]])}
    net = build(nodes, weights, {"x": ["n", 1]}, {"y": ["n", 1]})
    after = numbers(equalized(net)[1])
    assert after["a"].item() == pytest.approx(2.56e-6)
    assert after["b"].item() == pytest.approx(100 / 256)


@pytest.fixture
def grouped(build: Graph) -> Checkpoint:
    """Conv, one a channel in and out, Conv in two groups, with pooling between."""
    rng = np.random.default_rng(7)

    def some(*shape: int) -> Floats:
        by_channel = np.exp(rng.normal(size=(shape[0], 1, 1, 1)) * 2)
        return (rng.standard_normal(shape) * by_channel).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["x", "a", "a.b"], ["h"], pads=[1] * 4),
        helper.make_node("LeakyRelu", ["h"], ["l"], alpha=0.1),
        helper.make_node("Conv", ["l", "d", "d.b"], ["e"], group=6, pads=[1] * 4),
        helper.make_node("MaxPool", ["e"], ["m"], kernel_shape=[2, 2]),
        helper.make_node("Conv", ["m", "g"], ["y"], group=2),
    ]
    weights = {
        "a": some(6, 2, 3, 3),
        "a.b": some(6, 1, 1, 1).ravel(),
        "d": some(6, 1, 3, 3),
        "d.b": some(6, 1, 1, 1).ravel(),
        "g": some(4, 3, 1, 2),
    }
    return build(nodes, weights, {"x": ["n", 2, 8, 8]}, {"y": ["n", 4, "h", "w"]})


def test_convolutions_in_groups_are_equalized_channel_by_channel(
    grouped: Checkpoint,
    images: Floats,
    equalized: Callable[..., tuple[int, onnx.ModelProto]],
) -> None:
    count, model = equalized(grouped)
    assert count == 2
    same_function(grouped.model, model, [{"x": images}])
    after = numbers(model)
    made = np.abs(after["d"]).max(axis=(1, 2, 3))
    read = np.abs(after["g"]).reshape(2, 2, 3, 2).max(axis=(1, 3)).ravel()
    assert made == pytest.approx(read, rel=0.01)
    assert np.abs(after["a"]).max(axis=(1, 2, 3)) == pytest.approx(made, rel=0.01)


def test_pairs_that_must_stay_or_are_none_are_left(
    gemms: Checkpoint, build: Graph, equalized: Callable[..., tuple[int, onnx.ModelProto]]
) -> None:
    for name in ("w1", "b1", "w2"):
        assert equalized(gemms, name)[0] == 0
    shown = Checkpoint(gemms.private())
    shown.model.graph.output.append(
        helper.make_tensor_value_info("r", onnx.TensorProto.FLOAT, ["n", 2])
    )
    assert equalized(shown)[0] == 0
    bent = Checkpoint(gemms.private())
    bent.model.graph.node[1].op_type = "Sigmoid"
    assert equalized(bent)[0] == 0
    multiplied = Checkpoint(gemms.private())
    multiplied.model.graph.node[2].op_type = "MatMul"
    assert equalized(multiplied)[0] == 0
    shared = Checkpoint(gemms.private())
    shared.model.graph.node.append(helper.make_node("Neg", ["b1"], ["unused"]))
    assert equalized(shared)[0] == 0
    forked = Checkpoint(gemms.private())
    forked.model.graph.node.append(helper.make_node("Neg", ["r"], ["unused"]))
    assert equalized(forked)[0] == 0


def test_integers_of_one_scale_a_tensor_are_closer_after_it(
    convnet: Checkpoint,
    images: Floats,
    samples: Callable[[Floats], Samples],
    context: Callable[..., Context],
    sqnr: Callable[[Checkpoint, Checkpoint, Arrays], float],
) -> None:
    """The same function from channels that one layer makes large and the next one small."""
    uneven = Checkpoint(convnet.private())
    scales, tensors = np.float32([1, 30, 0.05, 8]), initializers(uneven.model)
    for name, factors in (("a", scales), ("a.bias", scales), ("b", 1 / scales)):
        along = [1, -1, 1, 1] if name == "b" else [-1, 1, 1, 1]
        values = numpy_helper.to_array(tensors[name])
        scaled = values * factors.reshape(along[: max(values.ndim, 1)])
        tensors[name].CopyFrom(numpy_helper.from_array(scaled, name))
    calibrated = context(uneven, samples(images))
    grid = WeightGrid(granularity=PerTensor())
    plain = quantize_static(uneven, QuantizeStatic(weights=grid), calibrated)
    better = quantize_static(uneven, QuantizeStatic(weights=grid, equalize=True), calibrated)
    gain = sqnr(uneven, better.checkpoint, {"x": images})
    gain -= sqnr(uneven, plain.checkpoint, {"x": images})
    assert gain > 15


def test_excluded_layers_and_values_that_are_held_are_left_as_they_are(
    convnet: Checkpoint,
    images: Floats,
    samples: Callable[[Floats], Samples],
    context: Callable[..., Context],
) -> None:
    calibrated = context(convnet, samples(images))
    held = Checkpoint(convnet.model, {"a": Trait(codebook=200), "b": Trait(sparse=True)})
    for net, spec, pairs in (
        (convnet, QuantizeStatic(equalize=True), 1),
        (convnet, QuantizeStatic(equalize=True, exclude=("b",)), 0),
        (held, QuantizeStatic(equalize=True), 0),
    ):
        outcome = quantize_static(net, spec, calibrated)
        assert outcome.facts["pairs_equalized"] == pairs
    (answer,) = run(open_session(outcome.checkpoint.model), {"x": images}).values()
    assert np.isfinite(answer).all()
