"""Units without use are found, and cutting them changes nothing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.context import Context
from worker.engine.gate import distance
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.probe import random_inputs
from worker.engine.prune.channels.dead import without_dead
from worker.engine.run.traits import check_kept
from worker.engine.session import open_session, run

Arrays = dict[str, NDArray[np.float32]]
Build = Callable[[Arrays, str], onnx.ModelProto]


def net(tensors: Arrays, activation: str) -> onnx.ModelProto:
    """x (n, 3) -> a (5) -> activation -> b (4) -> activation -> c (2) -> y."""
    nodes = [
        helper.make_node("Gemm", ["x", "a", "a_bias"], ["h"], transB=1),
        helper.make_node(activation, ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "b", "b_bias"], ["i"], transB=1),
        helper.make_node(activation, ["i"], ["s"]),
        helper.make_node("Gemm", ["s", "c", "c_bias"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture
def tensors() -> Arrays:
    """Everything is used."""
    draw = np.random.default_rng(5)
    shapes = {"a": (5, 3), "a_bias": 5, "b": (4, 5), "b_bias": 4, "c": (2, 4), "c_bias": 2}
    return {name: draw.normal(size=s).astype(np.float32) for name, s in shapes.items()}


def buried(
    model: onnx.ModelProto, folder: Path, **traits: Trait
) -> tuple[onnx.ModelProto, int]:
    before = Checkpoint(model, traits)
    found = without_dead(before, Context(io=io_spec(model), folder=folder))
    check_kept(before, found.checkpoint)
    inputs = random_inputs(model, 5, seed=2)
    after = found.checkpoint.model
    said = (run(open_session(m), inputs) for m in (model, after))
    assert distance(*said) <= 1.0
    return after, found.units


def widths(model: onnx.ModelProto) -> tuple[int, int]:
    held = initializers(model)
    return held["a"].dims[0], held["b"].dims[0]


def test_nothing_is_cut_where_everything_is_used(tensors: Arrays, tmp_path: Path) -> None:
    model = net(tensors, "Relu")
    after, units = buried(model, tmp_path)
    assert units == 0
    assert after is model


def test_what_nothing_reads_goes_and_then_what_only_that_had_read(
    tensors: Arrays, tmp_path: Path
) -> None:
    tensors["c"][:, 1] = 0  # unit 1 of b is unheard
    tensors["b"][[0, 2, 3], 4] = 0  # unit 4 of a was heard by that one alone
    after, units = buried(net(tensors, "Relu"), tmp_path)
    assert units == 2
    assert widths(after) == (4, 3)
    assert list(initializers(after)["b"].dims) == [3, 4]


@pytest.mark.parametrize(("activation", "goes"), [("Relu", True), ("Sigmoid", False)])
def test_a_silent_unit_goes_if_its_activation_is_zero(
    tensors: Arrays, tmp_path: Path, activation: str, *, goes: bool
) -> None:
    tensors["a"][2], tensors["a_bias"][2] = 0, -0.5  # sigmoid(-0.5) is not 0
    after, _ = buried(net(tensors, activation), tmp_path)
    assert widths(after)[0] == (4 if goes else 5)


def test_a_unit_that_a_bias_lifts_stays(tensors: Arrays, tmp_path: Path) -> None:
    tensors["a"][2], tensors["a_bias"][2] = 0, 0.5
    after, units = buried(net(tensors, "Relu"), tmp_path)
    assert (units, widths(after)[0]) == (0, 5)


def test_an_unheard_unit_goes_where_another_only_looks_silent(
    tensors: Arrays, tmp_path: Path
) -> None:
    tensors["a"][2], tensors["a_bias"][2] = 0, -0.5
    tensors["c"][:, 1] = 0
    after, units = buried(net(tensors, "Sigmoid"), tmp_path)
    assert (units, widths(after)) == (1, (5, 3))


def test_one_unit_is_left_of_a_layer_that_does_nothing(tensors: Arrays, tmp_path: Path) -> None:
    tensors["c"][:] = 0
    after, _ = buried(net(tensors, "Relu"), tmp_path)
    assert widths(after) == (1, 1)


def test_multiples_and_masks_go_with_their_units(tensors: Arrays, tmp_path: Path) -> None:
    codes = np.rint(tensors["a"] * 2).clip(-7, 7)
    tensors["a"] = (codes * np.float32(0.5)).astype(np.float32)
    tensors["b"][:, 3] = 0
    trait = Trait(sparse=True, multiples=Multiples((0.5,), None, 7))
    model = net(tensors, "Relu")
    before = Checkpoint(model, {"a": trait})
    found = without_dead(before, Context(io=io_spec(model), folder=tmp_path))
    check_kept(before, found.checkpoint)
    left = found.checkpoint.traits["a"]
    assert (left.multiples, left.sparse, left.channels) == (trait.multiples, True, 4)
