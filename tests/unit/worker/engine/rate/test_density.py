"""Bits of switching a weight on, by hand."""

import math

import pytest
import torch

from worker.engine.rate.density import DEAREST_BITS, densities, switch_bits


def test_a_crowded_row_and_column_make_a_weight_cheap() -> None:
    # rows hold 2 and 0, columns 1, 1, 0; total 2 + 1
    code = torch.tensor([[3.0, -1.0, 0.0], [0.0, 0.0, 0.0]])
    p = densities(code)
    assert p[0, 0].item() == pytest.approx(0.9)  # 2.3 * 1.3 / 3 is above it
    assert p[0, 2].item() == pytest.approx(2.3 * 0.3 / 3)
    assert p[1, 0].item() == pytest.approx(0.3 * 1.3 / 3)
    assert p[1, 2].item() == pytest.approx(0.3 * 0.3 / 3)
    bits = switch_bits(code)
    assert bits.shape == code.shape
    assert bits[1, 0].item() == pytest.approx(1 + math.log2((1 - 0.13) / 0.13), rel=1e-5)
    assert bits[0, 0].item() == 1.0  # never below the bit of its sign


def test_nothing_costs_more_than_the_dearest_weight() -> None:
    code = torch.zeros(200, 200)
    code[:100, 0] = 1  # an empty row and column: 0.3 * 0.3 / 101
    assert switch_bits(code)[150, 150].item() == DEAREST_BITS


def test_a_bias_is_one_column() -> None:
    p = densities(torch.tensor([4.0, 0.0, 0.0, 0.0]))
    assert p.shape == (4, 1)
    assert p[1, 0].item() == pytest.approx(0.3 * 1.3 / 2)


def test_a_convolution_is_flattened() -> None:
    code = torch.zeros(2, 3, 2, 2)
    code[1, 2, 0, 1] = 5
    assert switch_bits(code).shape == (2, 3, 2, 2)
    assert densities(code)[1, 9].item() == pytest.approx(1.3 * 1.3 / 2)


def test_pixels_borrow_from_their_neighbours() -> None:
    # one 3x3 plane, the middle pixel read by both rows, nothing else
    code = torch.zeros(2, 9)
    code[:, 4] = 1
    p = densities(code, image=(3, 3))
    corner = (0 + 0.5 * 2 / 4) / 1.5  # a corner has four pixels around it, itself included
    middle = (2 + 0.5 * 2 / 9) / 1.5
    assert p[0, 0].item() == pytest.approx(1.3 * (corner + 0.3) / 3)
    assert p[0, 4].item() == pytest.approx(1.3 * (middle + 0.3) / 3)


def test_planes_borrow_nothing_from_each_other() -> None:
    # two planes of 1x2 pixels; the first pixel of the first is read by both rows
    code = torch.zeros(2, 4)
    code[:, 0] = 1
    p = densities(code, image=(1, 2))[0].tolist()
    columns = [(2 + 0.5 * 1) / 1.5, (0 + 0.5 * 1) / 1.5, 0, 0]
    wanted = [1.3 * (column + 0.3) / 3 for column in columns]
    assert p == pytest.approx(wanted)
