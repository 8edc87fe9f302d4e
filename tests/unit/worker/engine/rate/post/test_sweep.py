"""One pass: later layers make good what earlier ones lost, biases keep the means."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import Door, made
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.stages import Stages
from worker.engine.rate.post.coded_net import CodedNet
from worker.engine.rate.post.net import net_of
from worker.engine.rate.post.sweep import from_weights, with_feedback
from worker.engine.session import open_session, run

DOOR: Door = (TensorProto.FLOAT, ["n", None])


def coded(
    model: onnx.ModelProto, inputs: NDArray[np.float32], felt: dict[str, float]
) -> CodedNet:
    net = net_of(Checkpoint(model), ())
    stages = Stages(model, net.sites, net.tensors, inputs_of, threads=1)
    ticks: list[None] = []
    batches: list[Arrays] = [{"x": part} for part in np.array_split(inputs, 2)]
    done = with_feedback(net, stages, batches, 1.0, felt, lambda: ticks.append(None))
    assert len(ticks) == len(stages.stages)
    return done


def said(model: onnx.ModelProto, inputs: Arrays) -> NDArray[np.float64]:
    return run(open_session(model), inputs)["y"].astype(np.float64)


def test_a_layer_reads_what_the_coded_layers_before_it_make() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "one"], ["h"]),
        helper.make_node("MatMul", ["h", "two"], ["y"]),
    ]
    tensors = {"one": np.array([[0.6]], np.float32), "two": np.array([[10.0]], np.float32)}
    model = made(nodes, tensors, {"x": DOOR}, {"y": DOOR})
    x = np.array([[1.0], [-1.0], [2.0], [-2.0]], np.float32)
    done = coded(model, x, {"one": 1.0, "two": 1e4})
    assert done.tensors["one"].values.tolist() == [[1.0]]
    # 10 (0.6 + 0.1) / (1 + 0.1), on a step of 0.01
    assert done.tensors["two"].values[0, 0] == pytest.approx(6.364, abs=0.01)


def test_biases_keep_the_means_of_what_layers_make() -> None:
    draw = np.random.default_rng(1)
    tensors = {
        "w": draw.normal(size=(6, 8)).astype(np.float32),
        "b": draw.normal(size=8).astype(np.float32),
    }
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    model = made([node], tensors, {"x": DOOR}, {"y": DOOR})
    x = (5 + draw.normal(size=(64, 6))).astype(np.float32)
    done = coded(model, x, {"w": 2.0})
    before = said(model, {"x": x})
    after = said(done.model(model), {"x": x})
    assert np.abs(before - after).max() > 0.3  # a coarse step
    off = np.abs(before.mean(axis=0) - after.mean(axis=0)).max()
    assert off < done.tensors["b"].step


def test_what_a_recurrent_layer_feeds_back_is_coded_when_later_layers_look(
    mixed: onnx.ModelProto, mixed_inputs: Arrays
) -> None:
    net = net_of(Checkpoint(mixed), ())
    stages = Stages(mixed, net.sites, net.tensors, inputs_of, threads=1)
    felt = {site.name: 10.0 for site in net.sites}
    done = with_feedback(net, stages, [mixed_inputs], 1.0, felt, lambda: None)
    before = said(mixed, mixed_inputs)
    after = said(done.model(mixed), mixed_inputs)
    assert np.abs(before - after).max() > 0.1
    assert np.allclose(before.mean(axis=0), after.mean(axis=0), atol=1e-5)


def test_a_bias_too_small_for_a_grid_is_still_corrected() -> None:
    tensors = {"w": np.full((1, 3), 0.4, np.float32), "b": np.zeros(3, np.float32)}
    node = helper.make_node("Gemm", ["x", "w", "b"], ["y"])
    model = made([node], tensors, {"x": DOOR}, {"y": DOOR})
    done = coded(model, np.full((4, 1), 2.0, np.float32), {"w": 1.0})
    # a constant input: all of 0.4 * 2 can move into the bias
    assert "b" not in done.tensors
    lost = 0.8 - 2 * done.tensors["w"].values[0]
    assert done.floats["b"] == pytest.approx(lost, abs=1e-6)


def test_without_examples_every_weight_takes_the_nearest_code() -> None:
    tensors = {"w": np.array([[0.9, -1.1, 0.3, 2.0]], np.float32)}
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = made([node], tensors, {"x": DOOR}, {"y": DOOR})
    done = from_weights(net_of(Checkpoint(model), ()), 1 / 12 / 1.5275)  # a step near 1
    assert done.tensors["w"].step == pytest.approx(1.0, rel=0.01)
    assert done.tensors["w"].codes.tolist() == [[1, -1, 0, 2]]
    assert done.nearest == ("w",)
