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
