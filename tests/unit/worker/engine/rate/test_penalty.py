"""The push toward zero, by hand."""

import pytest
import torch

from worker.engine.rate.penalty import add_rate_gradient


def test_the_push_is_the_formula_and_points_to_zero() -> None:
    weight = torch.tensor([0.4, -0.4, 0.0])  # u = 2 with a step of 0.2
    gradient = torch.tensor([10.0, 10.0, 10.0])
    bits = torch.tensor([5.0, 3.0, 7.0])
    add_rate_gradient(gradient, weight, 0.2, bits, price=0.01)
    first = 0.05 * (0.75 * 5 / 2.5**2 + 0.5 / 3)
    second = -0.05 * (0.75 * 3 / 2.5**2 + 0.5 / 3)
    assert gradient.tolist() == pytest.approx([10 + first, 10 + second, 10.0])
    assert weight.tolist() == pytest.approx([0.4, -0.4, 0.0])  # it is only read


def test_it_is_the_slope_of_the_bits_that_it_stands_for() -> None:
    def smooth_bits(u: float, bits: float) -> float:
        return float(
            0.75 * bits * (2 - 1 / (u + 0.5)) + 0.5 * torch.log1p(torch.tensor(u)).item()
        )

    gradient = torch.zeros(1)
    add_rate_gradient(gradient, torch.tensor([0.3]), 0.25, torch.tensor([6.0]), price=1.0)
    numeric = (smooth_bits(1.21, 6.0) - smooth_bits(1.19, 6.0)) / 0.02 / 0.25
    assert gradient.item() == pytest.approx(numeric, rel=1e-3)
