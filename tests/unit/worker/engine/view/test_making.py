from typing import Any

import numpy as np
import pytest
from onnx.helper import make_graph, make_node, make_tensor, make_tensor_value_info

from worker.engine.view import blocking_operators


def test_sizes_that_are_computed_stay_numbers(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Shape", ["x"], ["size"]),
        make_node("Gather", ["size", "i"], ["pair"]),
        make_node("ReduceProd", ["pair"], ["n"], keepdims=1),
        make_node("Size", ["x"], ["all"]),
        make_node("Cast", ["all"], ["float"], to=1),
        make_node("Sqrt", ["float"], ["root"]),
        make_node("Mul", ["x", "root"], ["z"]),
        make_node("Concat", ["n", "rest"], ["to"], axis=0),
        make_node("Reshape", ["z", "to"], ["y"]),
    ]
    constants = {"i": np.array([0, 2]), "rest": np.array([-1])}
    agree(build(nodes, constants, ("batch", 3, 2)))


def test_ranges_and_filled_tensors_take_their_size_from_the_input(
    build: Any, agree: Any
) -> None:
    nodes = [
        make_node("Shape", ["x"], ["size"]),
        make_node("Gather", ["size", "one"], ["time"]),
        make_node("Range", ["zero", "time", "one"], ["places"]),
        make_node("Cast", ["places"], ["p"], to=1),
        make_node("ConstantOfShape", ["size"], ["full"], value=make_tensor("v", 1, [1], [2.5])),
        make_node("Mul", ["full", "p"], ["f"]),
        make_node("Add", ["x", "f"], ["y"]),
    ]
    agree(build(nodes, {"zero": np.array(0), "one": np.array(1)}, ("batch", "time")))


def test_an_expand_to_a_size_with_defaults_agrees(build: Any, agree: Any, rand: Any) -> None:
    nodes = [
        make_node("Shape", ["x"], ["n"], start=0, end=1),
        make_node("Concat", ["n", "keep"], ["wish"], axis=0),
        make_node("Shape", ["wish"], ["length"]),
        make_node("ConstantOfShape", ["length"], ["ones"], value=make_tensor("v", 7, [1], [1])),
        make_node("Mul", ["ones", "minus"], ["defaults"]),
        make_node("Equal", ["wish", "defaults"], ["is"]),
        make_node("Where", ["is", "ones", "wish"], ["size"]),
        make_node("Expand", ["row", "size"], ["y"]),
    ]
    constants = {"keep": np.array([-1]), "minus": np.array(-1), "row": rand(1, 4)}
    agree(build(nodes, constants, ("batch", 4)))


def test_a_size_that_depends_on_data_is_named_as_the_obstacle(build: Any) -> None:
    nodes = [
        make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        make_node("Cast", ["m"], ["n"], to=7),
        make_node("Range", ["zero", "n", "one"], ["y"]),
    ]
    model = build(nodes, {"zero": np.array(0), "one": np.array(1)}, made=7)
    assert blocking_operators(model) == ("Range(sizes that depend on data)",)


def test_chance_and_branches_are_not_worked_out_beforehand(build: Any, rand: Any) -> None:
    inner = make_node("Identity", ["x"], ["z"])
    out = make_tensor_value_info("z", 1, None)
    branch = make_graph([inner], "branch", [], [out])
    nodes = [
        make_node("RandomNormalLike", ["c"], ["r"]),
        make_node("If", ["yes"], ["i"], then_branch=branch, else_branch=branch),
        make_node("Add", ["r", "i"], ["y"]),
    ]
    constants = {"c": np.array(3, np.float32), "yes": np.array(True)}
    model = build(nodes, constants)
    assert blocking_operators(model) == ("If", "RandomNormalLike")


def test_constants_of_constants_are_worked_out_beforehand(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Constant", [], ["a"], value_ints=[3, 8]),
        make_node("Constant", [], ["b"], value_float=0.5),
        make_node("Constant", [], ["c"], value=make_tensor("c", 7, [1], [8])),
        make_node("Concat", ["minus", "a", "c"], ["to"], axis=0),
        make_node("Mul", ["x", "b"], ["z"]),
        make_node("Reshape", ["z", "to"], ["y"]),
    ]
    view = agree(build(nodes, {"minus": np.array([-1])}))
    assert not any("concat" in node.name for node in view.module.graph.nodes)


@pytest.mark.parametrize(("offset", "kind"), [(0, 7), (2, 1), (-1, None)])
def test_a_diagonal_of_ones_has_the_shape_of_its_input(
    build: Any, agree: Any, offset: int, kind: int | None
) -> None:
    node = make_node("EyeLike", ["x"], ["y"], k=offset, dtype=kind)
    view = agree(build([node], {}, (3, 4), made=kind or 1))
    y = view.outputs({"x": np.zeros((3, 4), np.float32)})["y"]
    assert y.tolist() == np.eye(3, 4, offset).tolist()
