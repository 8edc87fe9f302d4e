"""Which tensors of every kind of layer go on a grid, and that they really do."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import UnknownLayer
from lathe.facts import IoSpec, TensorSpec
from lathe.techniques.rate import RateDistortion, ShareRateDistortion
from lathe.techniques.train import Adam, DistillLoss
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.io_spec import io_spec
from worker.engine.rate.rounds import share_by_rounds
from worker.engine.rate.tensors import tensors
from worker.engine.rate.train import train_rate_distortion
from worker.engine.run.traits import check_kept
from worker.engine.view import torch_view

Build = Callable[..., onnx.ModelProto]
SHAPES = {
    "conv": (4, 1, 1), "conv_bias": (4,), "w": (2, 12, 4), "r": (2, 12, 3), "b": (2, 24),
    "m": (6, 5), "m_bias": (5,), "g": (5, 3), "t": (3, 5), "table": (2, 3),
}  # fmt: skip


@pytest.fixture
def model(every_layer: Build) -> onnx.ModelProto:
    draw = np.random.default_rng(2)
    return every_layer(
        **{n: draw.normal(size=shape).astype(np.float32) for n, shape in SHAPES.items()}
    )


def test_layers_of_every_kind_are_found_with_all_their_parts(model: onnx.ModelProto) -> None:
    found = {t.name: t for t in tensors(torch_view(model), io_spec(model))}
    assert set(found) == set(SHAPES)
    assert [p.shape for p in found["w"].parameters] == [(12, 4), (12, 4)]  # two directions
    assert [p.shape for p in found["b"].parameters] == [(12,)] * 4
    assert [p.shape for p in found["m"].parameters] == [(5, 6)]  # outputs first
    assert found["conv"].is_matrix
    assert not found["b"].is_matrix
    fewer = tensors(torch_view(model), io_spec(model), ["m"])
    assert set(found) - {t.name for t in fewer} == {"m", "m_bias"}
    with pytest.raises(UnknownLayer):
        tensors(torch_view(model), io_spec(model), ["nobody"])


def test_every_layer_learns_its_codes_and_keeps_them_in_rounds(
    model: onnx.ModelProto, learning: Context
) -> None:
    optimizer = Adam(lr=0.02, betas=(0.9, 0.99))
    common = {"batch_size": 16, "optimizer": optimizer, "loss": DistillLoss(hard=0.1)}
    context = replace(learning, teachers={"baseline": model})
    training = RateDistortion(epochs=2, settle_epochs=1, rate=1e-4, **common)  # type: ignore[arg-type]
    before = Checkpoint(model)
    trained = train_rate_distortion(before, training, context).checkpoint
    check_kept(before, trained)
    assert set(trained.traits) >= set(SHAPES)
    sharing = ShareRateDistortion(epochs=1, rounds=1, rate=1e-4, samples=32, **common)  # type: ignore[arg-type]
    shared = share_by_rounds(trained, sharing, context).checkpoint
    check_kept(trained, shared)


def test_the_pixels_of_an_image_are_known_by_their_number() -> None:
    weight = numpy_helper.from_array(np.ones((4, 2 * 3 * 5), np.float32), "w")
    shape = numpy_helper.from_array(np.int64([0, 30]), "shape")
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 3, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [weight, shape],
    )
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    (found,) = tensors(torch_view(model), io_spec(model))
    assert found.image == (3, 5)
    flat = TensorSpec(name="x", dtype="float32", shape=("n", 30))
    (other,) = tensors(torch_view(model), IoSpec(inputs=(flat,), outputs=()))
    assert other.image is None
