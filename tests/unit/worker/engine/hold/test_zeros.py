import torch
from torch import nn

from worker.engine.hold.zeros import Zeros


def test_a_zero_has_no_gradient_and_stays_where_an_optimiser_moves_it() -> None:
    weight = nn.Parameter(torch.tensor([0.0, 2.0, -3.0]))
    held = Zeros([weight])
    weight.grad = torch.tensor([5.0, 6.0, 7.0])
    held.after()
    assert weight.grad.tolist() == [0, 6, 7]
    weight.data.sub_(1.0)
    held.settle()
    assert weight.tolist() == [0, 1, -4]


def test_a_weight_that_becomes_zero_later_may_leave_it_again() -> None:
    weight = nn.Parameter(torch.tensor([0.0, 2.0]))
    held = Zeros([weight])
    weight.data[1] = 0
    weight.grad = torch.tensor([5.0, 6.0])
    held.after()
    assert weight.grad.tolist() == [0, 6]


def test_without_gradients_there_is_nothing_to_shape() -> None:
    weight = nn.Parameter(torch.tensor([0.0, 2.0]))
    Zeros([weight]).after()
    assert weight.grad is None
