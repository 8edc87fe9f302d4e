"""Tensors of the file as the view's parameters hold them."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from worker.engine.hold.layout import laid_out, parameters_of, read_back
from worker.engine.view import torch_view

Build = Callable[..., onnx.ModelProto]
PARTS = {
    "conv": 1, "conv_bias": 1, "w": 2, "r": 2, "b": 4, "m": 1, "m_bias": 1, "g": 1, "t": 1,
    "table": 1,
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_the_file_s_numbers_laid_out_are_those_the_parameters_hold(
    every_layer: Build, name: str
) -> None:
    model = every_layer()
    view = torch_view(model)
    values = next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == name)
    placed = laid_out(view, name, torch.from_numpy(values.copy()))
    assert len(placed) == len(parameters_of(view, name)) == PARTS[name]
    for parameter, piece in placed:
        assert torch.equal(parameter, piece)
    assert np.array_equal(read_back(view, name).numpy(), values)


def test_a_number_for_each_index_is_spread_over_the_file_s_axis(every_layer: Build) -> None:
    ((_, piece),) = laid_out(torch_view(every_layer()), "m", torch.arange(6.0).reshape(6, 1))
    assert piece.shape == (5, 6)  # torch keeps a matrix the other way round
    assert torch.equal(piece, torch.arange(6.0).expand(5, 6))


def test_gates_are_told_apart_as_torch_orders_them(every_layer: Build) -> None:
    # ONNX stacks i o f c, torch i f g o, where g is ONNX's c
    gates = torch.arange(4.0).repeat_interleave(3).reshape(1, 12, 1)
    placed = laid_out(torch_view(every_layer()), "w", gates)
    for _, piece in placed:
        assert piece[:, 0].tolist() == [0, 0, 0, 2, 2, 2, 3, 3, 3, 1, 1, 1]


def test_what_the_view_does_not_train_has_no_parameters(every_layer: Build) -> None:
    view = torch_view(every_layer())
    assert parameters_of(view, "nothing") == []
    assert laid_out(view, "flat", torch.zeros(2)) == []
