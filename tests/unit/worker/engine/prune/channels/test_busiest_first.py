"""Units sorted by their weights, the function as it was."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.gate import distance
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.onnx_file.array import array
from worker.engine.probe import random_inputs
from worker.engine.prune.channels.busiest_first import busiest_first
from worker.engine.session import open_session, run

Build = Callable[..., onnx.ModelProto]


def conv_net(net: Build) -> onnx.ModelProto:
    """Conv a of 3 channels on 4x4 images -> Relu -> flat (48) -> Gemm b (5) -> Gemm c (2)."""
    nodes = [
        helper.make_node("Conv", ["x", "a", "a_bias"], ["h"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Reshape", ["r", "flat"], ["f"]),
        helper.make_node("Gemm", ["f", "b", "b_bias"], ["i"], transB=1),
        helper.make_node("Relu", ["i"], ["s"]),
        helper.make_node("Gemm", ["s", "c"], ["y"], transB=1),
    ]
    draw = np.random.default_rng(4)
    a = draw.normal(size=(3, 2, 3, 3)).astype(np.float32)
    a[0, 0], a[2, 1] = 0, 0
    a[2, 0, 0] = 0
    b = draw.normal(size=(5, 48)).astype(np.float32)
    b[:, :16] *= draw.random((5, 16)) > 0.5
    b[3, 10:] = 0
    return net(
        nodes, [2, 4, 4], [2], a=a, a_bias=(3,), b=b, b_bias=(5,), c=(2, 5),
        flat=np.int64([0, 48]),
    )  # fmt: skip


def sorted_net(model: onnx.ModelProto, folder: Path, **traits: Trait) -> onnx.ModelProto:
    before = Checkpoint(model, traits)
    after = busiest_first(before, Context(io=io_spec(model), folder=folder)).model
    inputs = random_inputs(model, 5, seed=2)
    assert distance(*(run(open_session(m), inputs) for m in (model, after))) <= 1.0
    return after


def test_units_stand_by_their_nonzeros_and_take_their_columns_along(
    net: Build, tmp_path: Path
) -> None:
    model = conv_net(net)
    before, after = initializers(model), initializers(sorted_net(model, tmp_path))
    a, b = array(after["a"]), array(after["b"])
    old_a, old_b = array(before["a"]), array(before["b"])
    counts = [np.count_nonzero(old_a[u]) + np.count_nonzero(old_b[:, 16 * u : 16 * u + 16])
              for u in range(3)]  # fmt: skip
    order = np.argsort(-np.array(counts), kind="stable")
    assert order.tolist() == [1, 2, 0]
    assert np.array_equal(a, old_a[order])
    assert np.array_equal(array(after["a_bias"]), array(before["a_bias"])[order])
    rows = np.argsort([np.count_nonzero(old_b[u]) for u in range(5)], kind="stable")
    assert np.count_nonzero(b[-1]) == np.count_nonzero(old_b[rows[0]])
    columns = np.concatenate([np.arange(16 * u, 16 * u + 16) for u in order])
    assert sorted(map(tuple, b.tolist())) == sorted(map(tuple, old_b[:, columns].tolist()))


def test_steps_for_each_channel_keep_their_channels(net: Build, tmp_path: Path) -> None:
    model = conv_net(net)
    trait = Trait(multiples=Multiples((0.5, 0.25, 0.125), 0, 7))
    assert sorted_net(model, tmp_path, a=trait) is model


@pytest.mark.parametrize("activation", ["Softmax", "Relu"])
def test_what_mixes_channels_alike_may_be_sorted_too(
    net: Build, tmp_path: Path, activation: str
) -> None:
    nodes = [
        helper.make_node("Gemm", ["x", "a"], ["h"], transB=1),
        helper.make_node(activation, ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "b"], ["y"], transB=1),
    ]
    a = np.ones((4, 3), np.float32) * np.float32([[1], [2], [3], [4]])
    a[0, :2] = 0
    model = net(nodes, [3], [2], a=a, b=(2, 4))
    after = array(initializers(sorted_net(model, tmp_path))["a"])
    if activation == "Relu":
        assert after[:, 2].tolist() == [2, 3, 4, 1]
