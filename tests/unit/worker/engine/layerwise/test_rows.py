"""Rows times matrices must be what the layer computes."""

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.context import Arrays
from worker.engine.layerwise.moments import Moments
from worker.engine.layerwise.rows import inputs_of, rows
from worker.engine.layerwise.site import Site, sites
from worker.engine.session import open_session, run

EVERY = 1 << 20


def layer(
    node: onnx.NodeProto, weight: NDArray[np.float32], x: NDArray[np.float32]
) -> tuple[Site, NDArray[np.float32]]:
    """The site of a lone layer and what onnxruntime makes of `x`."""
    kind = (TensorProto.FLOAT, [None] * x.ndim)
    model = made([node], {"w": weight}, {"x": kind}, {"y": kind})
    (site,) = sites(model)
    return site, np.asarray(run(open_session(model), {"x": x})["y"])


@pytest.mark.parametrize(
    ("attributes", "kernel"),
    [
        ({}, (3, 2)),
        ({"strides": [2, 3], "pads": [1, 0, 2, 1]}, (3, 2)),
        ({"dilations": [2, 1], "pads": [2, 1, 2, 1]}, (2, 3)),
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (3, 2)),
        ({"auto_pad": "SAME_LOWER"}, (2, 3)),
    ],
)
def test_a_convolution_is_its_patches_times_its_rows(
    attributes: dict[str, Any], kernel: tuple[int, int]
) -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(2, 4, 9, 7)).astype(np.float32)
    weight = draw.normal(size=(6, 2, *kernel)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=2, **attributes)
    site, wanted = layer(node, weight, x)
    found = rows(site, {"x": x}, EVERY, 0)
    made_of = np.einsum("gnc,grc->ngr", found, site.matrices(weight)).reshape(-1, 6)
    assert np.allclose(made_of, np.moveaxis(wanted, 1, -1).reshape(-1, 6), atol=1e-5)


def test_a_product_with_the_weight_on_the_left_reads_columns() -> None:
    draw = np.random.default_rng(2)
    x = draw.normal(size=(2, 5, 3)).astype(np.float32)
    weight = draw.normal(size=(4, 5)).astype(np.float32)
    site, wanted = layer(helper.make_node("MatMul", ["w", "x"], ["y"]), weight, x)
    found = rows(site, {"x": x}, EVERY, 0)
    made_of = found[0] @ site.matrices(weight)[0].T
    assert np.allclose(made_of, wanted.transpose(0, 2, 1).reshape(-1, 4), atol=1e-5)


def test_padding_is_left_out() -> None:
    x = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    site, _ = layer(node, np.ones((2, 2), np.float32), x)
    words = np.array([[True, True, False], [True, False, False]])
    assert rows(site, {"x": x}, EVERY, 0, words)[0].tolist() == [[0, 1], [2, 3], [6, 7]]


def test_drawn_rows_of_two_nets_belong_together() -> None:
    x = np.arange(200, dtype=np.float32).reshape(100, 2)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    site, _ = layer(node, np.ones((2, 2), np.float32), x)
    one, other = rows(site, {"x": x}, 7, 3), rows(site, {"x": -x}, 7, 3)
    assert one.shape == (1, 7, 2)
    assert np.array_equal(one, -other)


def test_a_recurrent_weight_reads_the_state_before_each_step(
    mixed: onnx.ModelProto, mixed_inputs: Arrays
) -> None:
    site = next(site for site in sites(mixed) if site.name == "r")
    assert inputs_of(site) == ("s",)
    states = np.arange(4 * 2 * 3 * 6, dtype=np.float32).reshape(4, 2, 3, 6)  # T, d, n, H
    found = rows(site, {"s": states}, EVERY, 0)
    assert found.shape == (2, 9, 6)
    assert np.array_equal(found[0], states[:3, 0].reshape(9, 6))
    assert np.array_equal(found[1], states[1:, 1].reshape(9, 6))


@pytest.mark.parametrize(("layout", "seen"), [(0, [0, 1, 2, 3]), (1, [0, 1, 4, 5])])
def test_a_layout_that_is_written_out_says_where_the_steps_are(
    layout: int, seen: list[float]
) -> None:
    """Two steps, two examples, two units: the states before the last step."""
    node = helper.make_node("LSTM", ["x", "w", "r"], ["s"], hidden_size=2, layout=layout)
    w, r = np.ones((1, 8, 1), np.float32), np.ones((1, 8, 2), np.float32)
    shape = (2, 2, 1, 2) if layout else (2, 1, 2, 2)
    doors = {"x": (TensorProto.FLOAT, [2, 2, 1])}, {"s": (TensorProto.FLOAT, list(shape))}
    model = made([node], {"w": w, "r": r}, *doors)
    site = next(site for site in sites(model) if site.name == "r")
    found = rows(site, {"s": np.arange(8, dtype=np.float32).reshape(shape)}, EVERY, 0)
    assert found.ravel().tolist() == seen


def test_moments_of_no_rows_are_zero() -> None:
    moments = Moments(1, 2)
    moments.add(np.zeros((1, 0, 2), np.float32), np.zeros((1, 0, 2), np.float32))
    for own, cross in (moments.raw(0), moments.centred(0)):
        assert own.tolist() == cross.tolist() == [[0, 0], [0, 0]]
