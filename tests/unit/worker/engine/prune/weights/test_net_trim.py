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


def test_an_error_is_relative_however_faint_the_responses_are() -> None:
    problem = Problem(np.float32([[0.1, 0.2]]), np.eye(2), np.ones((1, 2), np.bool_))
    assert problem.error(np.array([[0.0, 0.2]])) == pytest.approx(np.sqrt(0.01 / 0.05))
    silent = Problem(np.zeros((1, 2), np.float32), np.eye(2), np.ones((1, 2), np.bool_))
    assert silent.error(np.array([[3.0, 1.0]])) == 0


def test_an_error_of_exactly_the_bound_is_allowed() -> None:
    # 3 of (3, 4) is 3 / 5 of the norm
    weight = np.float32([[3, 4]])
    assert within_error(weight, np.eye(2), 0.6, free(weight)).tolist() == [[0, 4]]


@pytest.mark.parametrize(
    ("error", "kept"), [(0.98, 1), (0.5, 2), (0.3, 3), (0.16, 4), (0.06, 5), (0.01, 6)]
)
def test_the_multiplier_is_the_largest_that_the_error_allows(error: float, kept: int) -> None:
    # squares 100 36 16 4 1 .25 of 157.25: without the first n 0.603 0.368 0.183 0.089 0.04
    weight = np.float32([[10, 6, 4, 2, 1, 0.5]])
    found = within_error(weight, np.eye(6), error, free(weight))
    assert found.tolist() == [pytest.approx([*weight[0, :kept], *[0] * (6 - kept)])]


def test_a_dead_input_takes_the_place_of_no_weight_that_may_stay() -> None:
    weight = np.float32([[3, 100, 2]])
    own = np.diag([0.25, 0.0, 0.01])
    assert with_share(weight, own, 3, free(weight)).tolist() == [pytest.approx([3, 0, 2])]


@pytest.mark.parametrize("size", [1, 1e-8])
def test_the_weight_that_stays_is_the_one_that_the_largest_multiplier_leaves(
    size: float,
) -> None:
    # v = 6 - l / 2 and 4.5 - l / 5: the first is larger, and 0 from l = 12 on, not from 22.5
    weight = np.float32([[7, 3, 0.9]]) * np.float32(size)
    held = np.array([[False, True, True]])
    kept = with_share(weight, np.diag([1.0, 4.0, 25.0]), 1, held)
    assert (kept / size).tolist() == [pytest.approx([0, 0, 0.9])]


def test_as_many_weights_as_may_stay_are_enough() -> None:
    # v = 1 - l and (1.01 - l) / 1000: the second is 0 last, and the smaller of both before
    weight = np.float32([[1, 1.01e-6]])
    kept = with_share(weight, np.diag([1.0, 1e6]), 1, free(weight))
    assert kept.tolist() == [pytest.approx([0, 1.01e-6])]


@pytest.mark.parametrize("size", [1, 1e-6])
def test_inputs_that_are_nearly_one_are_told_apart_in_few_steps(size: float) -> None:
    # w' = w - l A^-1 (1, -1) = w - l / (1 - 0.99) (1, -1)
    weight = np.float32([[3, -2]]) * np.float32(size)
    problem = Problem(weight, np.array([[1, 0.99], [0.99, 1]]), free(weight))
    found = problem.weights(problem.shrunk(0.01 * size, problem.target)) / size
    assert found.tolist() == [pytest.approx([2, -1], abs=0.015)]


def test_least_squares_end_at_the_solution_and_not_near_it() -> None:
    weight = np.float32([[3, -1]])
    problem = Problem(weight, np.eye(2), free(weight))
    found = problem.refit(problem.free, problem.target * 1.003)
    assert found.tolist() == [pytest.approx([3, -1], rel=1e-6)]


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
