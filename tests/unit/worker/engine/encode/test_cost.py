"""The estimate of what codes cost."""

import numpy as np
import pytest

from worker.engine.encode.cost import coded_bits


def test_zeros_cost_nothing() -> None:
    assert coded_bits(np.zeros((3, 4), np.int32)) == 0
    assert coded_bits(np.zeros((0, 4), np.int32)) == 0


def test_a_full_matrix_costs_signs_magnitudes_and_densities() -> None:
    codes = np.array([[1, -1, 2, 2], [-2, 1, 1, -2]], np.int32)
    positions = 8 * 0.15200  # the chance is cut at 9/10
    densities = (2 * 2.32193 + 4 * 1.58496) / 2  # log2(1 + 4) and log2(1 + 2), halved
    assert coded_bits(codes) == pytest.approx(positions + 8 + 8 + densities, abs=1e-3)


def test_chances_are_row_times_column_over_all() -> None:
    codes = np.array([[3, 3, 0, 0], [0, 0, 3, 0]], np.int32)
    # rows 2 1, columns 1 1 1 0, 3 in all: chances 2/3 in row 0 and 1/3 in row 1; the last
    # column is free
    positions = 2 * 0.58496 + 1.58496 + 1.58496 + 2 * 0.58496
    densities = (1.58496 + 1 + 3 * 1) / 2
    assert coded_bits(codes) == pytest.approx(positions + 3 + densities, abs=1e-3)
