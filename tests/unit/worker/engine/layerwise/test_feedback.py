"""Error feedback by hand, and against the plain loop."""

import numpy as np
import pytest

from worker.engine.layerwise.feedback import factor, fed_back


def test_the_factor_is_that_of_the_inverse() -> None:
    moments = np.array([[2.0, 1.0], [1.0, 2.0]])
    upper = factor(moments, 0.0)
    assert upper == pytest.approx(
        np.array([[np.sqrt(2 / 3), -1 / 3 / np.sqrt(2 / 3)], [0, np.sqrt(1 / 2)]])
    )
    damped = factor(moments, 0.5)  # adds 0.5 * 2 to the diagonal
    assert damped.T @ damped == pytest.approx(np.linalg.inv([[3.0, 1.0], [1.0, 3.0]]))


def test_the_second_column_makes_good_what_the_first_lost() -> None:
    upper = factor(np.array([[2.0, 1.0], [1.0, 2.0]]), 0.0)
    weight = np.array([[0.4, 0.4], [0.4, -0.4]], np.float32)
    # 0.4 rounds to 0; half of what was lost goes to the neighbour: 0.6 rounds to 1, -0.2 to 0
    assert fed_back(weight, upper, 1.0).tolist() == [[0, 1], [0, 0]]
    assert fed_back(weight, factor(np.eye(2), 0.0), 1.0).tolist() == [[0, 0], [0, 0]]


def test_a_dead_input_hurts_nobody() -> None:
    upper = factor(np.diag([1.0, 0.0]), 0.01)
    assert np.isfinite(upper).all()
    assert fed_back(np.array([[1.2, 3.4]], np.float32), upper, 0.5).tolist() == [[2, 7]]
    assert np.array_equal(factor(np.zeros((2, 2)), 0.01), np.eye(2))


def test_blocks_are_the_same_as_one_column_after_the_other() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 150)) @ draw.normal(size=(150, 150))
    upper = factor(x.T @ x / 400, 0.01)
    weight = draw.normal(size=(5, 150)).astype(np.float32)
    left, wanted = weight.astype(np.float64), np.zeros((5, 150), np.int64)
    for j in range(150):
        wanted[:, j] = np.rint(left[:, j] / 0.7)
        error = (left[:, j] - wanted[:, j] * 0.7) / upper[j, j]
        left[:, j + 1 :] -= np.outer(error, upper[j, j + 1 :])
    found = fed_back(weight, upper, 0.7)
    assert np.mean(found == wanted) > 0.98  # float32 may tip a tie, and what follows it


def test_zeros_that_have_to_stay_do() -> None:
    upper = factor(np.array([[2.0, 1.0], [1.0, 2.0]]), 0.0)
    kept = np.array([[False, True]])
    # all of the first weight is lost; the second takes half of it: 1.2 + 0.6
    assert fed_back(np.array([[1.2, 1.2]], np.float32), upper, 1.0, kept).tolist() == [[0, 2]]


def test_damping_is_a_part_of_small_moments_too() -> None:
    damped = factor(np.array([[0.02, 0.01], [0.01, 0.02]]), 0.5)
    assert damped.T @ damped == pytest.approx(np.linalg.inv([[0.03, 0.01], [0.01, 0.03]]))
