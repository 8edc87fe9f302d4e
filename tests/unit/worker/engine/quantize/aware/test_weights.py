"""A weight with a learned step for each output channel."""

import math

import pytest
import torch
from torch import nn

from worker.engine.quantize.aware.learned_step import Integers
from worker.engine.quantize.aware.weights import (
    SMALLEST_FACTOR,
    SteppedWeight,
    Weight,
    nearest_steps,
)

TWO_BITS = Integers(-2, 1)
LATENT = torch.tensor([[[0.6], [-1.2], [0.3]], [[-1.5], [4.5], [-2.4]]])  # (2, 3, 1)


@pytest.fixture
def stepped() -> SteppedWeight:
    """Steps 0.5, as it began, and 3, from 2."""
    made = SteppedWeight(Weight("w", 0, nn.Parameter(LATENT.clone())), TWO_BITS)
    made.first = torch.tensor([0.5, 2.0]).reshape(2, 1, 1)
    made.factor.data = torch.tensor([1.0, 1.5]).reshape(2, 1, 1)
    return made


def test_the_model_computes_with_multiples_of_each_channel_s_step(
    stepped: SteppedWeight,
) -> None:
    stepped.before()  # v is 1.2 -2.4 0.6 and -0.5 1.5 -0.8
    parameter = stepped.weight.parameter
    assert parameter.flatten().tolist() == [0.5, -1.0, 0.5, 0.0, 3.0, -3.0]
    stepped.after()
    assert torch.equal(parameter, LATENT)
    assert parameter.grad is None
    assert stepped.factor.grad is None


def test_gradients_pass_inside_and_a_step_s_is_scaled_and_relative_to_its_first(
    stepped: SteppedWeight,
) -> None:
    stepped.before()
    parameter = stepped.weight.parameter
    parameter.grad = torch.tensor([2.0, 3, 5, 7, -1, 4]).reshape(2, 3, 1)
    stepped.after()
    assert parameter.grad.flatten().tolist() == [0, 0, 5, 7, 0, 4]
    pulls = (2 * 1 + 3 * -2 + 5 * 0.4, 7 * 0.5 - 1 * 1 + 4 * -0.2)  # dL/ds
    expected = [pulls[0] / math.sqrt(3) / 0.5, pulls[1] / math.sqrt(3) / 2]
    assert stepped.factor.grad is not None
    assert stepped.factor.grad.flatten().tolist() == pytest.approx(expected, rel=1e-5)


def test_three_bits_divide_a_step_s_gradient_by_the_root_of_three_more() -> None:
    weight = Weight("w", 0, nn.Parameter(torch.full((1, 5), 0.8)))
    stepped = SteppedWeight(weight, Integers.signed(3))
    stepped.first = torch.ones(1, 1)
    stepped.before()
    weight.parameter.grad = torch.ones(1, 5)
    stepped.after()
    assert stepped.factor.grad is not None
    assert stepped.factor.grad.item() == pytest.approx(5 * 0.2 / math.sqrt(5 * 3), rel=1e-5)


def test_plain_descent_moves_a_step_as_the_paper_does(stepped: SteppedWeight) -> None:
    stepped.before()
    stepped.weight.parameter.grad = torch.ones(2, 3, 1)
    before = (stepped.first * stepped.factor).detach().clone()
    stepped.after()
    assert stepped.factor.grad is not None
    stepped.factor.data -= 0.01 * stepped.factor.grad
    moved = (stepped.first * stepped.factor).detach() - before
    pulls = torch.tensor([1 - 2 + 0.4, 0.5 + 1 - 0.2])
    assert torch.allclose(moved.flatten(), -0.01 * pulls / math.sqrt(3), atol=1e-7)


def test_steps_begin_where_they_move_their_channel_least() -> None:
    rows = torch.tensor([[0.5, -1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [2.0, 2.0, 0.25, -3.0]])
    steps = nearest_steps(rows, TWO_BITS)
    assert steps[:2].tolist() == [0.5, 1.0]  # exact multiples; a channel of zeros
    last = rows[2]
    errors = {
        hundredths: float(
            sum((min(max(round(w / s), -2), 1) * s - w) ** 2 for w in last.tolist())
        )
        for hundredths in range(1, 101)
        for s in [3 * hundredths / 100]
    }
    best = min(errors, key=errors.__getitem__)
    assert steps[2].item() == pytest.approx(3 * best / 100)
    assert 0.5 < steps[2].item() < 3


def test_steps_are_tried_in_hundredths_of_the_largest_magnitude_over_the_highest() -> None:
    assert nearest_steps(torch.tensor([[3.0, 1, -2]]), Integers.signed(3)).tolist() == [1]
    crowd = torch.tensor([[1.0, *[0.33] * 1000]])  # the one is cut off
    assert nearest_steps(crowd, TWO_BITS).item() == pytest.approx(0.33)


def test_a_step_that_is_driven_to_zero_stays_positive(stepped: SteppedWeight) -> None:
    stepped.factor.data.fill_(-4.0)
    stepped.settle()
    assert stepped.factor.flatten().tolist() == [SMALLEST_FACTOR] * 2
    assert SMALLEST_FACTOR == 1 / 64


def test_the_steps_of_the_best_epoch_are_kept_and_come_back(stepped: SteppedWeight) -> None:
    stepped.keep()
    stepped.factor.data.fill_(9.0)
    assert stepped.steps.tolist() == [0.5, 3.0]
    other = SteppedWeight(Weight("w", 0, nn.Parameter(LATENT.clone())), TWO_BITS)
    other.first = stepped.first
    other.restore(stepped.state())
    assert other.steps.tolist() == [0.5, 3.0]
    assert other.factor.flatten().tolist() == [9.0, 9.0]


def test_the_factors_learn_as_weights_do_and_do_not_decay(stepped: SteppedWeight) -> None:
    (group,) = stepped.own()
    assert group.parameters == (stepped.factor,)
    assert (group.lr_factor, group.decays) == (1.0, False)
