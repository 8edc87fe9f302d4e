from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node, make_tensor

from worker.engine.view import blocking_operators

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
EXTRA: dict[str, dict[str, Any]] = {"LSTM": {}, "GRU": {"linear_before_reset": 1}, "RNN": {}}


def constants(rand: Any, kind: str, directions: int, hidden: int = 5) -> dict[str, Any]:
    rows = GATES[kind] * hidden
    return {
        "w": rand(directions, rows, 3),
        "r": rand(directions, rows, hidden, seed=4),
        "b": rand(directions, 2 * rows, seed=5),
    }


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_every_output_agrees_in_every_direction(
    build: Any, agree: Any, rand: Any, kind: str, direction: str
) -> None:
    directions = 2 if direction == "bidirectional" else 1
    outputs = ["y", "h", "c"][: 3 if kind == "LSTM" else 2]
    node = make_node(
        kind, ["x", "w", "r", "b"], outputs, hidden_size=5, direction=direction, **EXTRA[kind]
    )
    model = build([node], constants(rand, kind, directions), (4, "batch", 3), outputs=outputs)
    view = agree(model)
    assert view.layers == {"w": "w"}


def test_a_zero_state_is_left_out_also_behind_an_expand(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("Shape", ["x"], ["batch"], start=1, end=2),
        make_node("Concat", ["one", "batch", "five"], ["size"], axis=0),
        make_node("Expand", ["zero", "size"], ["h"]),
        make_node("ConstantOfShape", ["size"], ["c"], value=make_tensor("v", 1, [1], [0.0])),
        make_node("LSTM", ["x", "w", "r", "", "", "h", "c"], ["", "", "y"], hidden_size=5),
    ]
    sizes = {
        "one": np.array([1]),
        "five": np.array([5]),
        "zero": np.zeros((1, 1, 1), np.float32),
    }
    model = build(nodes, {**sizes, **constants(rand, "LSTM", 1)}, (4, "batch", 3))
    view = agree(model)
    assert [place for _, place in view.dropped] == [5, 6]


def test_a_state_that_is_not_zero_is_kept(build: Any, agree: Any, rand: Any) -> None:
    node = make_node("GRU", ["x", "w", "r", "b", "", "s"], ["y"], hidden_size=5, **EXTRA["GRU"])
    state = {"s": rand(1, 2, 5, seed=7)}
    agree(build([node], {**state, **constants(rand, "GRU", 1)}, (4, 2, 3)))


def test_two_layers_with_the_same_weights_are_one_module(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("GRU", ["x", "w", "r", "b"], ["a"], hidden_size=3, **EXTRA["GRU"]),
        make_node("Squeeze", ["a", "one"], ["s"]),
        make_node("GRU", ["s", "w", "r", "b"], ["y"], hidden_size=3, **EXTRA["GRU"]),
    ]
    shared = {"one": np.array([1]), **constants(rand, "GRU", 1, hidden=3)}
    view = agree(build(nodes, shared, (4, "batch", 3)))
    assert len(list(view.module.parameters())) == 4


@pytest.mark.parametrize(
    ("kind", "attributes", "why"),
    [
        ("GRU", {}, "linear_before_reset=0"),
        ("LSTM", {"clip": 2.0}, "clip"),
        ("RNN", {"activations": ["Relu"]}, "activations"),
    ],
)
def test_what_torch_has_no_layer_for_is_named(
    build: Any, rand: Any, kind: str, attributes: Any, why: str
) -> None:
    node = make_node(kind, ["x", "w", "r", "b"], ["y"], hidden_size=5, **attributes)
    model = build([node], constants(rand, kind, 1), (4, "batch", 3))
    assert blocking_operators(model) == (f"{kind}({why})",)
