"""Sparse weights that answer as dense ones do, by hand."""

import numpy as np
import pytest

from worker.engine.prune.weights.net_trim import Problem, with_share, within_error

EYE = np.eye(3)


def free(weight: np.ndarray) -> np.ndarray:
    return np.ones(weight.shape, np.bool_)


def test_the_solution_for_a_multiplier_is_soft_thresholding_where_inputs_do_not_mix() -> None:
    # min (w' - w)^2 a / 2 + l |w'| is w - l / a towards zero
    weight = np.float32([[3, -1, 0.5]])
    problem = Problem(weight, np.diag([1.0, 4.0, 1.0]), free(weight))
    found = problem.weights(problem.shrunk(2.0, problem.target))
    assert found.tolist() == [pytest.approx([1, -0.5, 0])]


def test_least_squares_give_back_what_the_norm_shrank() -> None:
    weight = np.float32([[3, -1, 0.5]])
    kept = with_share(weight, EYE, 2, free(weight))
    assert kept.tolist() == [pytest.approx([3, -1, 0])]


def test_the_weights_left_answer_for_the_others() -> None:
    # without w_0 the best of the others is w_k + H_kk^-1 H_k0 w_0, as in test_sparsegpt
    own = np.array([[2, 1, 0.5], [1, 3, 1], [0.5, 1, 4]])
    weight = np.float32([[1, 2, 6]])
    kept = with_share(weight, own, 2, free(weight))
    assert kept.tolist() == [pytest.approx([0, 2 + 3.5 / 11, 6 + 0.5 / 11], rel=1e-4)]


def test_an_error_is_relative_and_a_norm_over_all_rows() -> None:
    # responses 9 + 1 + 0.25 + 16 = 26.25; without 0.5 and 1: 1.25, 0.2182 as a norm
    weight = np.float32([[3, -1, 0.5], [0, 4, 0]])
    kept = within_error(weight, EYE, 0.219, free(weight))
    assert kept.tolist() == [pytest.approx([3, 0, 0]), pytest.approx([0, 4, 0])]
    kept = within_error(weight, EYE, 0.218, free(weight))
    assert kept.tolist() == [pytest.approx([3, -1, 0]), pytest.approx([0, 4, 0])]


def test_an_old_zero_stays_and_its_input_is_answered_for() -> None:
    own = np.array([[2, 1, 0.5], [1, 3, 1], [0.5, 1, 4]])
    weight = np.float32([[1, 2, 6]])
    held = np.array([[False, True, True]])
    for kept in (
        within_error(weight, own, 0.9, held), within_error(weight, own, 1e-9, held),
        with_share(weight, own, 3, held),
    ):  # fmt: skip
        assert kept[0, 0] == 0
    assert kept.tolist() == [pytest.approx([0, 2 + 3.5 / 11, 6 + 0.5 / 11], rel=1e-4)]


def test_an_input_that_is_always_zero_keeps_no_weight() -> None:
    weight = np.float32([[3, 100, 2]])
    own = np.diag([1.0, 0.0, 1.0])
    assert with_share(weight, own, 2, free(weight)).tolist() == [pytest.approx([3, 0, 2])]
    assert within_error(weight, own, 0.1, free(weight))[0, 1] == 0
    assert not within_error(weight, np.zeros((3, 3)), 0.1, free(weight)).any()


def test_the_solution_is_optimal_where_inputs_mix() -> None:
    # (W' - W) A = -l sign(w') where w' is not zero, and is at most l elsewhere
    draw = np.random.default_rng(1)
    inputs = draw.normal(size=(200, 6)) * [1, 2, 3, 1, 2, 3] + draw.normal(size=(200, 1))
    own = inputs.T @ inputs / len(inputs)
    weight = draw.normal(size=(2, 6)).astype(np.float32)
    problem = Problem(weight, own, free(weight))
    found = problem.weights(problem.shrunk(1.5, problem.target)).astype(np.float64)
    slope = (found - weight) @ own
    zero = found == 0
    assert 2 <= zero.sum() <= 10
    assert np.allclose(slope[~zero], -1.5 * np.sign(found[~zero]), atol=0.01)
    assert (np.abs(slope[zero]) <= 1.51).all()
