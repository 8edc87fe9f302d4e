"""Diagonal curvature against what can be worked out."""

import math

import pytest
import torch
from torch import nn

from worker.engine.rate.fisher import drawn_class, drawn_noise, fisher


def drawn() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_a_classification_gives_x_squared_p_1_minus_p() -> None:
    # logits (0, w x): p = 1 / (1 + exp(-w x)), curvature x^2 p (1 - p)
    weight = nn.Parameter(torch.tensor([[0.7]]))
    x = torch.tensor([[2.0]]).repeat(16, 1)
    generator = drawn()

    def answers() -> torch.Tensor:
        return torch.cat([torch.zeros(16, 1), x @ weight], dim=1)

    p = torch.sigmoid(torch.tensor(1.4)).item()
    (found,) = fisher(
        [weight], (answers() for _ in range(150)), lambda out: drawn_class(out, 1, generator)
    )
    assert found.item() == pytest.approx(4 * p * (1 - p), rel=0.15)


def test_a_temperature_bends_a_sure_answer_more() -> None:
    # T^2 KL at T: x^2 p (1 - p) with p = sigmoid(w x / T), at w x = 6 and T = 2
    weight = nn.Parameter(torch.tensor([[3.0]]))
    x = torch.tensor([[2.0]]).repeat(16, 1)
    generator = drawn()
    p = torch.sigmoid(torch.tensor(3.0)).item()
    (found,) = fisher(
        [weight],
        (torch.cat([torch.zeros(16, 1), x @ weight], dim=1) for _ in range(150)),
        lambda out: drawn_class(out, 1, generator, temperature=2.0),
    )
    assert found.item() == pytest.approx(4 * p * (1 - p), rel=0.2)


def test_a_mean_squared_error_over_two_outputs_gives_x_squared() -> None:
    # each of the E = 2 outputs is w_e x: curvature of the mean of squares 2/E x^2 = x^2
    weight = nn.Parameter(torch.tensor([[0.3], [5.0]]))
    x = torch.tensor([[3.0]]).repeat(16, 1)
    generator = drawn()
    found = fisher(
        [weight],
        (x @ weight.t() for _ in range(150)),
        lambda out: drawn_noise(out, generator),
    )[0]
    assert found.flatten().tolist() == pytest.approx([9.0, 9.0], rel=0.2)


def test_a_weight_that_reaches_no_output_does_not_matter() -> None:
    weight, idle = nn.Parameter(torch.ones(1, 1)), nn.Parameter(torch.ones(2))
    generator = drawn()
    found = fisher(
        [weight, idle], iter([torch.ones(4, 1) @ weight]), lambda o: drawn_noise(o, generator)
    )
    assert found[1].tolist() == [0.0, 0.0]
    assert found[0].item() > 0


def test_the_squares_of_batches_are_divided_by_their_examples() -> None:
    weight = nn.Parameter(torch.tensor([[0.5]]))
    batches = [torch.full((2, 1), 3.0), torch.full((1, 1), 3.0)]
    # a log-likelihood w x: gradients 3 + 3 and 3, over 3 examples
    (found,) = fisher([weight], (x @ weight for x in batches), torch.sum)
    assert found.item() == pytest.approx((36 + 9) / 3)
    (alone,) = fisher([weight], (x @ weight for x in batches[1:]), torch.sum)
    assert alone.item() == pytest.approx(9)


def test_the_positions_of_a_dense_answer_count_as_one_example() -> None:
    # every class of 3 has log p = -log 3, at 4 positions of 2 examples; over the root of 4
    said = drawn_class(torch.zeros(2, 3, 4), 1, drawn())
    assert said.item() == pytest.approx(-2 * 4 * math.log(3) / 2)
