import torch
from torch import nn

from worker.engine.hold.on_steps import OnSteps, narrow


def held(weight: nn.Parameter, *, sparse: bool = False, most: int = 3) -> OnSteps:
    return OnSteps([(weight, torch.full(weight.shape, 0.5))], most, sparse=sparse)


def test_the_model_computes_with_the_nearest_multiples_and_half_goes_to_even() -> None:
    weight = nn.Parameter(torch.tensor([0.5, -1.5, 0.0, 0.5]))
    steps = held(weight)
    weight.data = torch.tensor([0.74, -9.0, 0.25, 0.75])  # 1.48, -18, 0.5, 1.5 steps
    steps.before()
    assert weight.tolist() == [0.5, -1.5, 0.0, 1.0]
    weight.grad = torch.tensor([1.0, 2.0, 3.0, 4.0])
    steps.after()
    assert torch.equal(weight, torch.tensor([0.74, -9.0, 0.25, 0.75]))
    assert weight.grad.tolist() == [1, 2, 3, 4]
    steps.settle()
    assert torch.equal(weight, torch.tensor([0.74, -1.5, 0.25, 0.75]))


def test_zeros_stay_where_the_tensor_is_sparse() -> None:
    weight = nn.Parameter(torch.tensor([0.0, 1.0]))
    steps = held(weight, sparse=True)
    steps.before()
    weight.grad = torch.tensor([5.0, 6.0])
    steps.after()
    assert weight.grad.tolist() == [0, 6]
    weight.data = torch.tensor([9.0, 1.0])
    steps.settle()
    assert weight.tolist() == [0, 1]


def test_a_multiple_is_the_product_of_two_float32() -> None:
    step = torch.tensor(0x3EAB0000, dtype=torch.int32).view(torch.float32)  # near a third
    weight = nn.Parameter(step * torch.arange(-7.0, 8.0))
    OnSteps([(weight, step.expand(15))], 7, sparse=False).before()
    expected = (torch.arange(-7, 8).numpy().astype("f4") * step.numpy()).tolist()
    assert weight.tolist() == expected


def test_steps_keep_only_the_axes_along_which_they_differ() -> None:
    assert narrow(torch.tensor([[1.0, 2], [1, 2]])).shape == (1, 2)
    assert narrow(torch.ones(3, 4, 5)).shape == (1, 1, 1)
    assert narrow(torch.tensor([[1.0, 2], [3, 2]])).shape == (2, 2)
