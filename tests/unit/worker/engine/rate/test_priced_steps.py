"""One tensor on its way to a grid, step by step by hand."""

import pytest
import torch
from torch import nn

from worker.engine.rate.priced_steps import PricedSteps, Schedule
from worker.engine.rate.tensors import Tensor

FREE = Schedule(rate=1e-3, ramp=0.5, step_share=0.5, epochs=2)


def held(
    *values: float, schedule: Schedule = FREE, most: int = 1, sparse: bool = False
) -> tuple[PricedSteps, nn.Parameter]:
    parameter = nn.Parameter(torch.tensor([values]))
    tensor = Tensor("w", (parameter,))
    return PricedSteps(tensor, 0.5, most, schedule, sparse=sparse), parameter


def test_a_bit_costs_a_thirtieth_first_and_the_rate_from_the_ramp_s_end_on() -> None:
    assert FREE.price(0.0) == pytest.approx(1e-3 / 30)
    assert FREE.price(0.25) == pytest.approx(1e-3 / 30**0.5)
    assert FREE.price(0.5) == FREE.price(0.9) == 1e-3
    assert Schedule(2.0, ramp=0, step_share=0, epochs=1).price(0.0) == 2.0


def test_the_model_computes_with_multiples_and_the_latent_values_come_back() -> None:
    steps, parameter = held(0.3, -0.9, 0.1)
    steps.hear(0, 8)
    steps.before()
    assert parameter.tolist() == [[0.5, -0.5, 0.0]]  # -1.8 steps stop at the most
    steps.after()
    assert parameter[0].tolist() == pytest.approx([0.3, -0.9, 0.1])


def test_the_step_feels_what_rounding_did_and_no_rate() -> None:
    steps, parameter = held(0.3, -0.9)
    steps.hear(0, 8)  # an even step: no rate gradient
    steps.before()
    parameter.grad = torch.tensor([[2.0, 4.0]])
    steps.after()
    assert steps.log_step.grad is not None
    assert steps.log_step.grad.item() == pytest.approx(2 * (0.5 - 0.3) + 4 * (-0.5 + 0.9))
    assert parameter.grad.tolist() == [[2.0, 4.0]]  # straight through


def test_every_other_step_pays_for_two() -> None:
    steps, parameter = held(0.3, -0.9)
    steps.hear(0, 8)
    steps.before()
    steps.after()
    steps.hear(1, 8)
    steps.before()
    parameter.grad = torch.zeros(1, 2)
    steps.after()
    bits = steps.bits[0][0, 0].item()
    u = 0.3 / 0.5
    slope = (0.75 * bits / (u + 0.5) ** 2 + 0.5 / (1 + u)) / 0.5
    assert parameter.grad[0, 0].item() == pytest.approx(2 * FREE.price(1 / 8) * slope, rel=1e-5)
    assert parameter.grad[0, 1] < 0 < parameter.grad[0, 0]  # both toward zero


def test_a_step_is_frozen_at_two_bytes_when_its_time_is_over() -> None:
    steps, _ = held(0.3)
    (group,) = steps.own()
    assert group.parameters == (steps.log_step,)
    with torch.no_grad():
        steps.log_step.fill_(-2.3)  # exp = 0.10026 = 205.3 / 2048
    steps.hear(3, 8)
    steps.before()
    assert steps.step == pytest.approx(0.10026, rel=1e-4)
    steps.after()
    steps.hear(4, 8)
    assert steps.step == 205 / 2048
    steps.before()
    for parameter in steps.tensor.parameters:
        parameter.grad = torch.ones_like(parameter)
    steps.after()
    assert steps.log_step.grad is None
    assert list(steps.own()) == []


def test_a_step_that_may_learn_to_the_end_is_still_frozen_before_it_is_judged() -> None:
    steps, _ = held(0.3, schedule=Schedule(1e-3, 0.5, step_share=1.0, epochs=2))
    steps.hear(6, 8)
    assert not steps.learns
    assert steps.ready


def test_only_the_end_is_ready() -> None:
    steps, _ = held(0.3)
    steps.hear(3, 8)  # the last step of the first epoch
    assert not steps.ready
    steps.hear(7, 8)
    assert steps.ready
    short, _ = held(0.3, schedule=Schedule(1e-3, 0.5, 0.5, epochs=1))
    short.hear(0, 1)
    assert short.ready


def test_earlier_zeros_get_no_gradient_and_stay() -> None:
    steps, parameter = held(0.3, 0.0, sparse=True)
    steps.hear(1, 8)
    steps.bits = [torch.ones(1, 2)]
    steps.before()
    parameter.grad = torch.ones(1, 2)
    steps.after()
    assert parameter.grad[0, 1] == 0
    assert parameter.grad[0, 0] > 1
    with torch.no_grad():
        parameter.fill_(0.7)  # momentum
    steps.settle()
    assert parameter[0].tolist() == pytest.approx([0.7, 0.0])


def test_what_is_kept_are_the_latent_values() -> None:
    steps, parameter = held(0.3, -0.9)
    steps.hear(0, 8)
    steps.before()
    steps.keep()
    steps.after()
    assert steps.kept[0][0].tolist() == pytest.approx([0.3, -0.9])
    with torch.no_grad():
        parameter.zero_()
    assert steps.kept[0][0].tolist() == pytest.approx([0.3, -0.9])
