from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node

from worker.engine.view import blocking_operators, torch_view
from worker.engine.view.elementwise import divide


@pytest.mark.parametrize(
    "kind",
    [
        "Neg",
        "Abs",
        "Exp",
        "Erf",
        "Floor",
        "Ceil",
        "Round",
        "Sign",
        "Sin",
        "Cos",
        "Atan",
        "Asinh",
    ],
)
def test_a_function_of_one_tensor_agrees(build: Any, agree: Any, kind: str) -> None:
    agree(build([make_node(kind, ["x"], ["y"])]))


@pytest.mark.parametrize("kind", ["Log", "Sqrt", "Reciprocal"])
def test_a_function_of_positive_numbers_agrees(build: Any, agree: Any, kind: str) -> None:
    nodes = [make_node("Exp", ["x"], ["e"]), make_node(kind, ["e"], ["y"])]
    agree(build(nodes))


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_function_of_two_agrees_with_numbers_and_tensors(
    build: Any, agree: Any, rand: Any, kind: str, swapped: bool
) -> None:
    pair = ["x", "c"][:: -1 if swapped else 1]
    for c in (np.array(0.7, np.float32), np.array([[0.7]], np.float32), rand(3, 1, 1)):
        agree(build([make_node(kind, pair, ["y"])], {"c": c}))


def test_a_number_that_adds_an_axis_still_adds_it(build: Any, agree: Any) -> None:
    node = make_node("Mul", ["x", "c"], ["y"])
    agree(build([node], {"c": np.array([[0.7]], np.float32)}, ("batch",)))


@pytest.mark.parametrize("kind", ["Sum", "Max", "Min", "Mean"])
def test_a_function_of_many_agrees(build: Any, agree: Any, rand: Any, kind: str) -> None:
    node = make_node(kind, ["x", "a", "b"], ["y"])
    agree(build([node], {"a": rand(3, 1, 1), "b": np.array(0.1, np.float32)}))


def test_comparisons_masks_and_choices_agree(build: Any, agree: Any, rand: Any) -> None:
    nodes = [
        make_node("Greater", ["x", "a"], ["more"]),
        make_node("LessOrEqual", ["x", "one"], ["less"]),
        make_node("And", ["more", "less"], ["both"]),
        make_node("Not", ["both"], ["other"]),
        make_node("Or", ["other", "more"], ["any"]),
        make_node("Where", ["any", "x", "low"], ["m"]),
        make_node("Softmax", ["m"], ["s"], axis=-1),
        make_node("Pow", ["s", "two"], ["y"]),
    ]
    numbers = {"one": 1.0, "low": -3e38, "two": 2.0}
    constants = {name: np.array(v, np.float32) for name, v in numbers.items()}
    agree(build(nodes, {"a": rand(8), **constants}))


def test_integers_divide_towards_zero_and_keep_their_remainders(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Sub", ["x", "three"], ["a"]),
        make_node("Div", ["a", "two"], ["q"]),
        make_node("Mod", ["a", "two"], ["r"]),
        make_node("Mod", ["a", "two"], ["f"], fmod=1),
        make_node("Mul", ["f", "table"], ["g"]),
        make_node("Sum", ["qf", "rf", "gf"], ["y"]),
    ]
    nodes[5:5] = [make_node("Cast", [n], [f"{n}f"], to=1) for n in "qrg"]
    constants = {"three": np.array(3), "two": np.array([2]), "table": np.array([5, 7, 11, 13])}
    agree(build(nodes, constants, ("batch", 4), kind=7))
    found = divide(torch.tensor([-7, 7]), torch.tensor([2, -2]))
    assert found.tolist() == [-3, -3]


def test_a_mask_of_huge_numbers_is_not_trained(build: Any, agree: Any) -> None:
    mask = np.triu(np.full((8, 8), -3.4e38, np.float32), 1)
    view = agree(build([make_node("Max", ["x", "mask"], ["y"])], {"mask": mask}))
    assert list(view.module.parameters()) == []


def test_every_float_type_is_float32_inside(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Cast", ["x"], ["d"], to=11),
        make_node("CastLike", ["d", "x"], ["c"]),
        make_node("Dropout", ["c"], ["y"]),
    ]
    agree(build(nodes))
    assert blocking_operators(build([make_node("Cast", ["x"], ["y"], to=16)], made=16)) == ()


def test_infinities_of_either_sign_are_found(build: Any, agree: Any) -> None:
    nodes = [
        make_node("Log", ["x"], ["below"]),
        make_node("Reciprocal", ["x"], ["above"]),
        make_node("IsInf", ["below"], ["a"], detect_positive=0),
        make_node("IsInf", ["above"], ["b"], detect_negative=0),
        make_node("IsInf", ["below"], ["c"], detect_negative=0),
        make_node("Concat", ["a", "b", "c"], ["y"], axis=0),
    ]
    view = torch_view(build(nodes, {}, (2,), made=9))
    y = view.outputs({"x": np.float32([0, 3])})["y"]
    assert y.tolist() == [True, False, True, False, False, False]


def test_shrinking_moves_what_is_far_from_zero_towards_it(build: Any, agree: Any) -> None:
    view = agree(build([make_node("Shrink", ["x"], ["y"], lambd=0.5, bias=0.2)], {}, (5,)))
    y = view.outputs({"x": np.float32([-2, -0.5, 0.4, 0.5, 0.7])})["y"]
    np.testing.assert_allclose(y, [-1.8, 0, 0, 0, 0.5], rtol=1e-6)


@pytest.mark.parametrize("kind", ["BitwiseAnd", "BitwiseOr", "BitwiseXor"])
def test_bits_agree(build: Any, agree: Any, kind: str) -> None:
    nodes = [make_node("BitwiseNot", ["x"], ["n"]), make_node(kind, ["n", "m"], ["y"])]
    agree(build(nodes, {"m": np.array([5, 2, 12])}, ("batch", 3), kind=7, made=7))
