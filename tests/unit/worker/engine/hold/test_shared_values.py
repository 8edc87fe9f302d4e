import torch
from torch import nn

from worker.engine.hold.shared_values import SharedValues


def test_a_value_s_gradient_is_the_sum_over_all_tensors_that_share_it() -> None:
    a = nn.Parameter(torch.tensor([[2.0, -1.0], [0.0, 2.0]]))
    b = nn.Parameter(torch.tensor([2.0, 0.5]))
    held = SharedValues([a, b])
    (own,) = held.own()
    (values,) = own.parameters
    assert values.tolist() == [-1, 0.5, 2]
    a.grad = torch.tensor([[1.0, 10.0], [100.0, 3.0]])
    b.grad = torch.tensor([7.0, 20.0])
    held.after()
    assert values.grad is not None
    assert values.grad.tolist() == [10, 20, 1 + 3 + 7]
    assert a.grad is None
    assert b.grad is None


def test_weights_take_their_value_s_new_number_and_zero_stays() -> None:
    a = nn.Parameter(torch.tensor([[2.0, -1.0], [0.0, 2.0]]))
    held = SharedValues([a])
    held.values.data.copy_(torch.tensor([-4.0, 0.25]))
    held.settle()
    assert a.tolist() == [[0.25, -4], [0, 0.25]]
    assert held.taken() == (a,)


def test_a_tensor_of_zeros_has_no_value_to_learn() -> None:
    a = nn.Parameter(torch.zeros(3))
    held = SharedValues([a])
    a.grad = torch.ones(3)
    held.after()
    held.settle()
    assert held.own() == ()
    assert a.tolist() == [0, 0, 0]
