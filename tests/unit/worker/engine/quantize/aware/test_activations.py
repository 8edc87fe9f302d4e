"""Activations on a byte grid whose step and offset learn."""

import math

import pytest
import torch
from onnx import TensorProto, helper

from worker.engine.quantize.aware.activations import (
    Grid,
    Quantizer,
    SteppedActivations,
    put_in,
)
from worker.engine.quantize.aware.weights import SMALLEST_FACTOR
from worker.engine.view import torch_view

X = [[-2.0, 0.6, 200.0], [-1.3, 126.2, 0.2]]  # v is -1 4.2 403 and 0.4 255.4 3.4
G = torch.tensor([[2.0, 3.0, 5.0], [7.0, 11.0, 13.0]])


def test_values_are_rounded_to_the_bytes_around_the_zero_point() -> None:
    rounded = Quantizer(Grid(0.5, 3))(torch.tensor(X))
    assert rounded.tolist() == [[-1.5, 0.5, 126.0], [-1.5, 126.0, 0.0]]


def test_a_half_goes_to_even_before_the_zero_point_is_added_as_in_onnx() -> None:
    x = torch.tensor([[1.25, -0.25, 0.75]])  # 2.5, -0.5 and 1.5 steps
    assert Quantizer(Grid(0.5, 3))(x).tolist() == [[1.0, 0.0, 1.0]]


def test_the_gradients_of_value_step_and_offset_are_those_worked_by_hand() -> None:
    quantizer, x = Quantizer(Grid(0.5, 3)), torch.tensor(X, requires_grad=True)
    quantizer(x).backward(G)
    assert x.grad is not None
    assert x.grad.tolist() == [[0, 3, 0], [7, 0, 13]]
    scale = 1 / math.sqrt(3 * 255)  # three features; the batch does not count
    pull = 2 * 0 + 3 * -0.2 + 5 * 255 + 7 * -0.4 + 11 * 255 + 13 * -0.4
    assert quantizer.factor.grad is not None
    assert quantizer.shift.grad is not None
    assert quantizer.factor.grad.item() == pytest.approx(pull * scale / 0.5, rel=1e-5)
    clamped = 2 + 5 + 11
    expected = clamped * scale / (0.5 * 255)
    assert quantizer.shift.grad.item() == pytest.approx(expected, rel=1e-5)


def test_a_grid_is_told_as_it_is_computed_with() -> None:
    quantizer = Quantizer(Grid(0.5, 3))
    assert quantizer.grid() == Grid(0.5, 3)
    quantizer.factor.data.fill_(2.0)
    quantizer.shift.data.fill_(-0.01)  # the offset is -1.5 - 1.275 = -2.775
    assert quantizer.grid() == Grid(1.0, 3)
    quantizer.shift.data.fill_(0.5)  # positive offsets have no zero point
    assert quantizer.grid() == Grid(1.0, 0)
    assert quantizer(torch.tensor([[2.4]])).item() == 2


def test_only_a_grid_with_a_zero_point_has_an_offset_and_a_fixed_one_learns_nothing() -> None:
    free, unsigned, fixed = (
        Quantizer(grid) for grid in (Grid(0.5, 3), Grid(0.5, 0), Grid(0.5, 3, fixed=True))
    )
    held = SteppedActivations([free, unsigned, fixed])
    assert list(held.taken()) == [free.factor, free.shift, unsigned.factor]
    (group,) = held.own()
    assert (len(group.parameters), group.decays) == (3, False)
    x = torch.tensor(X, requires_grad=True)
    fixed(x).sum().backward()
    assert fixed.factor.grad is None
    assert not SteppedActivations([fixed]).own()


def test_a_step_that_is_driven_to_zero_stays_positive() -> None:
    quantizer = Quantizer(Grid(0.5, 0))
    quantizer.factor.data.fill_(-1.0)
    SteppedActivations([quantizer]).settle()
    assert quantizer.factor.item() == SMALLEST_FACTOR


def test_all_readers_of_a_tensor_see_it_rounded_and_a_shared_grid_is_one() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Neg", ["x"], ["n"]),
        helper.make_node("Sub", ["r", "n"], ["y"]),
    ]
    doors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["b", 2]) for n in "xy"]
    graph = helper.make_graph(nodes, "g", doors[:1], doors[1:])
    view = torch_view(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))
    places = {"x": "coarse", "n": "coarse", "y": "fine"}
    made = put_in(view, places, {"coarse": Grid(2.0, 100), "fine": Grid(0.25, 4)})
    assert list(made) == ["coarse", "fine"]
    (y,) = view.module(torch.tensor([[2.8, -3.2]]))
    assert y.tolist() == [[4.0, -1.0]]  # 2 - -2; 0 - 4 is below -1, the least of the last grid
