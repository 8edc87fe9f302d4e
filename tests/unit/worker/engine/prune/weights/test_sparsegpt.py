"""SparseGPT by hand on three columns, against the weights that do best."""

import numpy as np
import pytest

from worker.engine.layerwise.feedback import factor
from worker.engine.prune.weights.sparsegpt import in_blocks, in_share, made_good

H = np.array([[2, 1, 0.5], [1, 3, 1], [0.5, 1, 4]])
UPPER = factor(H, 0.0)


def test_what_is_left_makes_good_what_fell() -> None:
    # w_0 is gone: the others move by (3 1; 1 4)^-1 (1, 0.5) w_0 = (3.5, 0.5) / 11
    left = made_good(np.float32([[1, 2, 6]]), UPPER, in_share(1 / 3, 3), 3)
    assert left.tolist() == [pytest.approx([0, 2 + 3.5 / 11, 6 + 0.5 / 11])]


def test_the_inverse_of_the_moments_decides_and_not_the_weight() -> None:
    upper = factor(np.diag([1.0, 100.0]), 0.0)  # losses 3^2 and 1^2 100
    left = made_good(np.float32([[3, 1]]), upper, in_share(0.5, 2), 2)
    assert left.tolist() == [[0, 1]]


def test_rows_compete_within_the_columns_that_are_chosen_together() -> None:
    upper = factor(np.eye(4), 0.0)
    weight = np.float32([[1, 2, 9, 8], [3, 4, 7, 6]])
    assert made_good(weight, upper, in_share(0.5, 4), 2).tolist() == [
        [0, 0, 9, 8],
        [3, 4, 0, 0],
    ]
    assert made_good(weight, upper, in_share(0.5, 4), 4).tolist() == [
        [0, 0, 9, 8],
        [0, 0, 7, 6],
    ]


def test_shares_of_odd_columns_add_up_to_the_share_of_all() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 7)).astype(np.float32)
    left = made_good(weight, factor(np.eye(7), 0.0), in_share(0.5, 7), 2)
    assert (left == 0).sum() == 11  # 10.5 of 21, half up


def test_a_block_is_chosen_when_its_turn_has_come() -> None:
    # input 0 repeats input 2, so w_2 takes over w_0 = 1 and 0.5 becomes 1.5, above 1.2
    moments = np.eye(4)
    moments[0, 2] = moments[2, 0] = 0.999999
    upper = factor(moments, 0.0)
    weight = np.float32([[1, 2, 0.5, 1.2]])
    left = made_good(weight, upper, in_blocks(1, 2), 2)
    assert left[0, [0, 3]].tolist() == [0, 0]
    assert left[0].tolist() == pytest.approx([0, 2, 1.5, 0], abs=1e-3)


def test_an_old_zero_is_not_filled_and_hands_on_what_it_was_given() -> None:
    fixed = np.array([[False, True, False]])
    left = made_good(np.float32([[1, 0, 5]]), UPPER, in_share(2 / 3, 3), 3, fixed)
    assert left.tolist() == [pytest.approx([0, 0, 5 + 0.5 / 4])]
    left = made_good(np.float32([[1, 0, 5]]), UPPER, in_share(1 / 3, 3), 3, fixed)
    assert left.tolist() == [[1, 0, 5]]


def test_an_old_zero_falls_before_others_though_it_was_given_something() -> None:
    moments = np.eye(4)
    moments[0, 2] = moments[2, 0] = (
        0.999999  # w_0 = 1 goes to the zero, which is then above 0.8
    )
    fixed = np.array([[False, False, True, False]])
    weight = np.float32([[1, 2, 0, 0.8]])
    left = made_good(weight, factor(moments, 0.0), in_blocks(1, 2), 2, fixed)
    assert left.tolist() == [pytest.approx([0, 2, 0, 0.8], abs=1e-3)]
