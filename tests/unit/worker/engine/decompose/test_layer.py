"""Which layers may be decomposed, and the reasons of the others."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lathe.errors import UnknownLayer
from tests.unit.worker.engine.decompose.lone import some
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.checkpoint import Checkpoint, Multiples, QuantizedWeights, Trait
from worker.engine.decompose.layer import decomposable

Build = Callable[..., onnx.ModelProto]
STEPS = Multiples(steps=(1.0,), axis=None, most=3)


def test_convolutions_and_matrices_are_taken_and_the_rest_says_why(every_layer: Build) -> None:
    traits = {
        "m": Trait(codebook=4),
        "g": Trait(sparse=True),
        "t": Trait(channels=3),  # narrowed before: this one stays true
    }
    found, left = decomposable(Checkpoint(every_layer(), traits), ())
    assert [layer.name for layer in found] == ["conv", "t"]
    assert {one.name: one.reason for one in left} == {
        "w": "LSTM is not decomposed",
        "m": "its weights share values since an earlier step",
        "g": "an earlier step made zeros in it, which its factors would not have",
        "table": "Gather is not decomposed",
    }


@pytest.mark.parametrize(
    "trait",
    [Trait(multiples=STEPS), Trait(grid=QuantizedWeights(8, symmetric=True, axis=None))],
)
def test_weights_on_a_grid_stay(trait: Trait, every_layer: Build) -> None:
    _, left = decomposable(Checkpoint(every_layer(), {"m": trait}), ())
    assert ("m", "an earlier step put its weights on a grid") in {
        (one.name, one.reason) for one in left
    }


def test_protected_layers_stay_and_have_to_exist(every_layer: Build) -> None:
    found, left = decomposable(Checkpoint(every_layer()), ("conv", "g"))
    assert [layer.name for layer in found] == ["m", "t"]
    assert [one.name for one in left if one.reason == "it is protected"] == ["conv", "g"]
    with pytest.raises(UnknownLayer, match="no layer 'nowhere'"):
        decomposable(Checkpoint(every_layer()), ("nowhere",))


def test_a_weight_that_is_no_one_matrix_of_its_own_stays() -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "shown"], ["a"]),
        helper.make_node("MatMul", ["a", "half"], ["b"]),
        helper.make_node("Gemm", ["b", "turned"], ["c"], transA=1),
        helper.make_node("MatMul", ["c", "batch"], ["y"]),
    ]
    tensors = {name: some(3, 3) for name in ("shown", "turned")}
    model = made(
        nodes,
        {**tensors, "half": some(3, 3).astype(np.float64), "batch": some(1, 3, 3)},
        {"x": (TensorProto.FLOAT, [3, 3])},
        {"y": (TensorProto.FLOAT, [1, 3, 3]), "shown": (TensorProto.FLOAT, [3, 3])},
    )
    found, left = decomposable(Checkpoint(model), ())
    mixed = "it is not one matrix: transposed inputs, more axes, or several readers"
    alone = "its weight is not float32, or not read by layers alone"
    assert not found
    assert [(one.name, one.reason) for one in left] == [
        ("shown", alone), ("half", alone), ("turned", mixed), ("batch", mixed)
    ]  # fmt: skip


def test_costs_of_a_shared_weight_count_in_every_reader() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "w"], ["y"], strides=[2, 1]),
    ]
    model = made(
        nodes,
        {"w": some(2, 2, 3, 3)},
        {"x": (TensorProto.FLOAT, ["n", 2, 7, 5])},
        {"y": (TensorProto.FLOAT, ["n", 2, 3, 3])},
    )
    (layer,), _ = decomposable(Checkpoint(model), ())
    assert layer.grids is not None
    assert [grid.after for grid in layer.grids] == [(7, 5), (3, 3)]
    assert layer.macs == 36 * (7 * 5 + 3 * 3)
    first, second = layer.grids
    assert second.points(frozenset({0})) == 3 * 5  # the height is halved, the width not yet
    assert first.points(frozenset()) == 35


def test_macs_of_unknown_shapes_are_unknown() -> None:
    model = made(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"w": some(4, 3)},
        {"x": (TensorProto.FLOAT, ["n", "tokens", 4])},
        {"y": (TensorProto.FLOAT, ["n", "tokens", 3])},
    )
    (layer,), _ = decomposable(Checkpoint(model), ())
    assert (layer.macs, layer.parameters) == (None, 12)
