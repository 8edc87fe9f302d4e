import pytest
import torch

from worker.engine.train.proximal import shrunken_rows, shrunken_spectrum, soft


def test_l1_draws_every_weight_to_zero_by_the_threshold() -> None:
    weight = torch.tensor([[3.0, -1.5], [0.5, -0.25]])
    assert soft(weight, 0.5).tolist() == [[2.5, -1.0], [0.0, 0.0]]


def test_a_row_keeps_its_direction_and_a_short_one_is_empty() -> None:
    rows = torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.6, -0.8, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    # the bar is 0.5 * sqrt(4) = 1: of the first row's length 5 are 4 left, of the second's none
    expected = torch.tensor([[2.4, 3.2, 0.0, 0.0], [0.0] * 4, [0.0] * 4])
    torch.testing.assert_close(shrunken_rows(rows, 0.5), expected)


def test_singular_values_are_drawn_and_small_ones_vanish() -> None:
    # singular values 5 and 1 along (0.6, 0.8) and (-0.8, 0.6) of two outputs, three inputs
    first = torch.outer(torch.tensor([0.6, 0.8]), torch.tensor([0.0, 0.0, 1.0]))
    second = torch.outer(torch.tensor([-0.8, 0.6]), torch.tensor([1.0, 0.0, 0.0]))
    drawn = shrunken_spectrum(5 * first + second, 2.0)
    torch.testing.assert_close(drawn, 3 * first, atol=1e-5, rtol=0)


@pytest.mark.parametrize("operator", [soft, shrunken_rows, shrunken_spectrum])
def test_a_threshold_of_nothing_changes_nothing(operator: object) -> None:
    weight = torch.tensor([[0.5, -2.0, 1.0], [4.0, 0.25, -3.0]])
    assert callable(operator)
    torch.testing.assert_close(operator(weight, 0.0), weight)
