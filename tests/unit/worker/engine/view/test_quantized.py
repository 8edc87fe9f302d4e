from typing import Any

import numpy as np
import pytest
import torch
from onnx.helper import make_node

from worker.engine.view import blocking_operators, torch_view

GRID = {"s": np.array(0.5, np.float32), "z": np.array(3, np.uint8)}


def fake(**attributes: Any) -> list[Any]:
    return [
        make_node("QuantizeLinear", ["x", "s", "z"], ["q"], **attributes),
        make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **attributes),
    ]


def test_a_grid_by_hand_and_its_gradient(build: Any) -> None:
    """Steps of 0.5 from -1.5 to 126: 0.8 is nearest to step 2, 1.25 half-way to the even 2,
    and what lies beyond the ends is cut and sends nothing back."""
    view = torch_view(build(fake(), GRID, ("n",)))
    x = torch.tensor([0.8, 1.25, -1.6, -9, 200, 126.2], requires_grad=True)
    y = view.forward({"x": x})["y"]
    assert y.tolist() == [1.0, 1.0, -1.5, -1.5, 126, 126]
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 1, 0, 0, 1]


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16])
def test_a_grid_agrees_at_every_width(build: Any, agree: Any, kind: Any) -> None:
    grid = {"s": np.array(0.1, np.float32), "z": np.array(7, kind)}
    agree(build(fake(), grid, ("batch", 3, 4), opset=21))


def test_a_grid_a_channel_agrees_and_its_weight_is_trained(
    build: Any, agree: Any, rand: Any
) -> None:
    nodes = [
        make_node("QuantizeLinear", ["w", "s", "z"], ["q"], axis=0),
        make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0),
        make_node("Conv", ["x", "d"], ["y"]),
    ]
    grid = {"s": np.float32([0.1, 0.3]), "z": np.array([0, 0], np.int8)}
    view = agree(build(nodes, {**grid, "w": rand(2, 3, 3, 3)}))
    assert list(view.free_parameters()) == ["free_w"]


def test_a_grid_without_a_zero_point_is_of_bytes(build: Any, agree: Any) -> None:
    nodes = [
        make_node("QuantizeLinear", ["x", "s"], ["q"]),
        make_node("DequantizeLinear", ["q", "s"], ["y"]),
    ]
    agree(build(nodes, {"s": np.array(0.01, np.float32)}, ("batch", 5)))


def test_stored_integers_and_other_kinds_are_named_as_the_obstacle(build: Any) -> None:
    stored = [
        make_node("DequantizeLinear", ["w", "s"], ["d"]),
        make_node("MatMul", ["x", "d"], ["y"]),
    ]
    constants = {"w": np.ones((3, 2), np.int8), "s": np.array(0.5, np.float32)}
    model = build(stored, constants, ("batch", 3))
    assert blocking_operators(model) == ("DequantizeLinear(weights stored as integers)",)
    blocks = {"s": np.ones((2, 3), np.float32), "z": np.zeros((2, 3), np.int8)}
    model = build(fake(axis=0, block_size=2), blocks, (4, 3), opset=21)
    why = ("DequantizeLinear(blocks)", "QuantizeLinear(blocks)")
    assert blocking_operators(model) == why
