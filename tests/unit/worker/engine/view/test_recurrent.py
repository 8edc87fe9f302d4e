from typing import Any

import numpy as np
import pytest
from onnx.helper import make_node, make_tensor

from worker.engine.view import blocking_operators, torch_view

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


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("GRU", {}),
        ("GRU", {"activations": ["HardSigmoid", "Tanh"], "activation_beta": [0.4]}),
        ("GRU", {"linear_before_reset": 1, "clip": 0.4}),
        ("LSTM", {"clip": 0.3}),
        ("LSTM", {"input_forget": 1}),
        ("LSTM", {"activations": ["HardSigmoid", "Softsign", "Relu"]}),
        ("RNN", {"activations": ["LeakyRelu"], "activation_alpha": [0.3]}),
        ("RNN", {"activations": ["Affine"], "activation_alpha": [0.2]}),
    ],
)
def test_what_torch_has_no_layer_for_is_stepped_through(
    build: Any, agree: Any, rand: Any, direction: str, kind: str, attributes: Any
) -> None:
    directions = 2 if direction == "bidirectional" else 1
    asked = {k: v * directions if isinstance(v, list) else v for k, v in attributes.items()}
    outputs = ["y", "h", "c"][: 3 if kind == "LSTM" else 2]
    node = make_node(
        kind, ["x", "w", "r", "b"], outputs, hidden_size=5, direction=direction, **asked
    )
    model = build([node], constants(rand, kind, directions), (4, "batch", 3), outputs=outputs)
    assert agree(model).layers == {"w": "w"}


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_shorter_examples_keep_their_last_state_and_answer_zero_afterwards(
    build: Any, agree: Any, rand: Any, kind: str, direction: str
) -> None:
    directions = 2 if direction == "bidirectional" else 1
    outputs = ["y", "h"]
    node = make_node(
        kind, ["x", "w", "r", "b", "lengths"], outputs, hidden_size=5, direction=direction
    )
    lengths = {"lengths": np.array([4, 1, 3], np.int32)}
    model = build(
        [node], {**lengths, **constants(rand, kind, directions)}, (4, 3, 3), outputs=outputs
    )
    agree(model)


def test_peepholes_see_the_cell_state_and_stay_trainable(
    build: Any, agree: Any, rand: Any
) -> None:
    node = make_node(
        "LSTM", ["x", "w", "r", "b", "", "", "", "p"], ["y"], hidden_size=5,
        direction="bidirectional",
    )  # fmt: skip
    peepholes = {"p": rand(2, 15, seed=8)}
    view = agree(build([node], {**peepholes, **constants(rand, "LSTM", 2)}, (4, "batch", 3)))
    assert view.module.w.peepholes.shape == (2, 15)


def test_a_gru_resets_its_state_before_the_product_unless_told_otherwise(build: Any) -> None:
    """One unit, no bias: r = sigmoid(0) = 1/2, z = sigmoid(0) = 1/2, h = 4, R_n = (0.25).

    before: n = tanh(0.25 * (0.5 * 4)) = tanh(0.5); with a recurrent bias of 3 it is
    tanh(0.5 + 3) before and tanh(0.5 * (0.25 * 4 + 3)) = tanh(2) after the product.
    """
    zeros = np.zeros((1, 3, 1), np.float32)
    bias = np.array([[0, 0, 0, 0, 0, 3]], np.float32)
    recurrence = np.array([[[0], [0], [0.25]]], np.float32)
    state = {"h": np.full((1, 1, 1), 4, np.float32)}
    found = {}
    for after in (0, 1):
        node = make_node(
            "GRU",
            ["x", "w", "r", "b", "", "h"],
            ["y"],
            hidden_size=1,
            linear_before_reset=after,
        )
        held = {"w": zeros, "r": recurrence, "b": bias, **state}
        view = torch_view(build([node], held, (1, 1, 1)))
        found[after] = view.outputs({"x": np.ones((1, 1, 1), np.float32)})["y"].item()
    assert found[0] == pytest.approx(0.5 * np.tanh(3.5) + 0.5 * 4)
    assert found[1] == pytest.approx(0.5 * np.tanh(2.0) + 0.5 * 4)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [({"layout": 1}, "layout"), ({"activations": ["Gelu"]}, "activation Gelu")],
)
def test_what_no_step_is_written_for_is_named(
    build: Any, rand: Any, attributes: Any, why: str
) -> None:
    node = make_node("RNN", ["x", "w", "r", "b"], ["y"], hidden_size=5, **attributes)
    model = build([node], constants(rand, "RNN", 1), (4, "batch", 3))
    assert blocking_operators(model) == (f"RNN({why})",)
