"""The error of responses by hand."""

import numpy as np
import pytest

from worker.engine.prune.weights.response import response_error


def test_the_error_of_responses_is_relative_and_a_norm() -> None:
    # W x = (2 x0, x1), W' x = (2 x0 + 0.5 x1, 0); A = (1, 0.5; 0.5, 4)
    own = np.array([[[1, 0.5], [0.5, 4]]])
    old, new = np.float32([[[2, 0], [0, 1]]]), np.float32([[[2, 0.5], [0, 0]]])
    # before 4 + 4, apart 0.25 * 4 + 4
    assert response_error(old, new, own) == pytest.approx((5 / 8) ** 0.5)
    assert response_error(old / 16, new / 16, own) == pytest.approx((5 / 8) ** 0.5)
    assert response_error(old, old, own) == 0


def test_a_layer_that_answers_nothing_has_no_error() -> None:
    zero = np.zeros((1, 2, 2))
    assert response_error(np.ones((1, 1, 2), np.float32), np.zeros((1, 1, 2)), zero) == 0
