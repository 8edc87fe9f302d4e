"""Which code a weight takes when bits have a price."""

import math

import pytest
import torch

from worker.engine.rate.choice import cheaper_codes, magnitude_bits


def test_magnitudes_cost_what_their_frequency_says() -> None:
    bits = magnitude_bits(torch.tensor([0.0, 1.0, -1.0, 1.0, 3.0]), most=3)
    total = 4 + 3 * 0.3
    assert bits[0].item() == 0
    assert bits[1].item() == pytest.approx(-math.log2(3.3 / total))
    assert bits[2].item() == pytest.approx(-math.log2(0.3 / total))
    assert bits[3].item() == pytest.approx(-math.log2(1.3 / total))


def test_without_a_price_nothing_moves() -> None:
    weight = torch.tensor([[0.9, -2.1], [0.2, 1.4]])
    found = cheaper_codes(weight, 1.0, 7, torch.ones(2, 2), price=0.0)
    assert found.tolist() == [[1, -2], [0, 1]]


def test_a_weight_that_does_not_matter_becomes_zero_and_one_that_does_stays() -> None:
    weight = torch.tensor([[1.0, 1.0], [3.0, 3.0]])
    curvature = torch.tensor([[0.0, 1e6], [0.0, 1e6]])
    found = cheaper_codes(weight, 1.0, 7, curvature, price=1.0)
    assert found.tolist() == [[0, 1], [0, 3]]


def test_the_next_code_toward_zero_is_taken_where_the_error_is_small_and_the_bits_dear() -> (
    None
):
    # -3 stands at -2.6, halfway to nothing worth its rarity: |q| = 2 is common, |q| = 3 rare
    weight = torch.full((1, 20), 2.0)
    weight[0, 0] = -2.6
    curvature = torch.ones(1, 20)
    found = cheaper_codes(weight, 1.0, 7, curvature, price=0.05)
    rare = -math.log2(1.3 / (20 + 7 * 0.3)) - -math.log2(19.3 / (20 + 7 * 0.3))
    assert 0.05 * rare > 0.5 * 0.6**2 - 0.5 * 0.4**2  # so the change pays
    assert found[0].tolist() == [-2.0] + [2.0] * 19


def test_half_the_curvature_times_the_squared_error_is_weighed_against_the_bits() -> None:
    # -1.3 as -1.5 or -1.0: squares 0.04 and 0.09; 3 is log2(19.3 / 1.3) = 3.89 bits dearer
    weight = torch.full((1, 20), 1.0)
    weight[0, 0] = -1.3
    found = {
        curvature: cheaper_codes(weight, 0.5, 7, torch.full((1, 20), curvature), price=0.01)
        for curvature in (1.2, 2.0)
    }
    assert 1.2 / 2 * 0.05 < 0.0389 < 2.0 / 2 * 0.05
    assert found[1.2][0].tolist() == [-2.0] + [2.0] * 19
    assert found[2.0][0].tolist() == [-3.0] + [2.0] * 19


def test_a_tie_goes_to_the_code_as_it_is() -> None:
    weight = torch.tensor([[3.0, -1.0]])
    assert cheaper_codes(weight, 1.0, 7, torch.zeros(1, 2), price=0.0).tolist() == [[3, -1]]


def test_magnitudes_that_do_not_occur_have_bits_up_to_the_most() -> None:
    bits = magnitude_bits(torch.tensor([1.0, -1.0]), most=3)
    assert bits.tolist() == pytest.approx(
        [0, -math.log2(2.3 / 2.9), -math.log2(0.3 / 2.9), -math.log2(0.3 / 2.9)]
    )
