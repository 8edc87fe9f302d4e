"""The weights that do best on other inputs, by hand."""

import numpy as np
import pytest

from worker.engine.layerwise.aim import aim


def test_weights_make_up_for_what_their_inputs_lost() -> None:
    # x' = 2, x = 3: own 4, cross 6, ridge 0.4
    found = aim(np.float32([[5]]), np.array([[4.0]]), np.array([[6.0]]))
    assert found.tolist() == [[pytest.approx(5 * 6.4 / 4.4)]]


def test_rows_of_the_cross_moments_are_the_originals_inputs() -> None:
    # (1, 0) (C + 0.1 I) (1.1 I)^-1
    found = aim(np.float32([[1, 0]]), np.eye(2), np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert found.tolist() == [pytest.approx([1, 2 / 1.1])]


def test_weights_of_inputs_that_are_never_used_stay() -> None:
    weight = np.float32([[7, -2]])
    assert aim(weight, np.zeros((2, 2)), np.zeros((2, 2))).tolist() == weight.tolist()


def test_columns_that_stay_answer_for_those_that_go() -> None:
    """x' is twice the first of x = (x1, 3 x1): E[x1^2] = 1, so W x = 5 x1 + 2 * 3 x1 = 11 x1,
    and the ridge is 0.1 * 4."""
    kept = np.array([True, False])
    own, cross = np.array([[4.0, 7.0], [7.0, 9.0]]), np.array([[2.0, 8.0], [6.0, 8.0]])
    found = aim(np.float32([[5, 2]]), own, cross, kept)
    assert found.tolist() == [[pytest.approx((11 * 2 + 5 * 0.4) / 4.4), 0]]
    unused = aim(np.float32([[5, 2]]), 0 * own, 0 * cross, kept)
    assert unused.tolist() == [[5, 0]]
