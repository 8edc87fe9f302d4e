"""Multiples that settle, and what is remembered of them."""

import pytest
import torch
from torch import nn

from worker.engine.rate.settled_steps import SettledSteps
from worker.engine.rate.tensors import Tensor


def test_latent_values_are_taken_up_moved_and_remembered() -> None:
    parameter = nn.Parameter(torch.zeros(1, 3))
    steps = SettledSteps(Tensor("w", (parameter,)), [torch.tensor([[0.7, 0.0, -1.1]])], 0.5, 7)
    assert parameter[0].tolist() == pytest.approx([0.7, 0.0, -1.1])
    steps.before()
    assert parameter[0].tolist() == [0.5, 0.0, -1.0]
    parameter.grad = torch.ones(1, 3)
    steps.after()
    assert parameter.grad.tolist() == [[1.0, 0.0, 1.0]]  # a zero learns nothing
    with torch.no_grad():
        parameter.sub_(0.3)
    steps.settle()
    steps.before()
    steps.keep()
    assert steps.kept[0][0].tolist() == pytest.approx([0.4, 0.0, -1.4])
    assert parameter[0].tolist() == [0.5, 0.0, -1.5]
    steps.after()
