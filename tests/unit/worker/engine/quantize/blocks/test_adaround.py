"""Learned rounding, where the best answer can be seen."""

import numpy as np
import pytest

from worker.engine.layerwise.moments import Doubles
from worker.engine.quantize.blocks.adaround import Course, _Layer, adaround
from worker.engine.quantize.blocks.grid import Levels, Scales, first_scales, rounded

COURSE = Course(iterations=80, lr=0.1, regularization=3.0)
STEPS_OF_ONE = Scales(Levels(3, symmetric=False), 2, np.float32([[1]]), np.float32([[2]]))


def test_the_goal_is_what_the_original_inputs_made() -> None:
    own, cross = np.eye(2), np.array([[0.0, 2.0], [0.0, 0.0]])
    weight = np.array([[0.6, 0.3]], np.float32)  # the goal is (0, 1.2)
    assert rounded(weight, STEPS_OF_ONE).values.tolist() == [[1, 0]]
    assert adaround(weight, own, cross, STEPS_OF_ONE, COURSE).values.tolist() == [[0, 1]]


def test_a_row_that_learns_nothing_is_rounded_to_nearest() -> None:
    weight = np.array([[0.4, 2.7]], np.float32)
    short = Course(iterations=1, lr=0.1, regularization=3.0)
    found = adaround(weight, np.eye(2), np.eye(2), STEPS_OF_ONE, short)
    assert found.values.tolist() == [[0, 3]]


def test_pruned_weights_stay_zero() -> None:
    moments = np.array([[1.0, 0.9], [0.9, 1.2]])
    weight = np.array([[0.4, 0.4]], np.float32)
    kept = np.array([[False, True]])
    found = adaround(weight, moments, moments, STEPS_OF_ONE, COURSE, kept)
    assert found.values.tolist() == [[0, 1]]  # loses 0.16 - 0.144 + 0.432 of 0.64


def test_outputs_lose_less_than_by_rounding_to_nearest() -> None:
    draw = np.random.default_rng(4)
    x = draw.normal(size=(500, 24)) @ draw.normal(size=(24, 24))
    weight = draw.normal(size=(16, 24)).astype(np.float32)
    moments = x.T @ x / 500
    scales = first_scales(weight, Levels(3, symmetric=False), 8)
    nearest = rounded(weight, scales).values - weight
    better = adaround(weight, moments, moments, scales, COURSE).values - weight
    assert np.vdot(better @ moments, better) < 0.6 * np.vdot(nearest @ moments, nearest)
    assert (np.abs(better) <= np.abs(scales.along(slice(0, 24))[0]) + 1e-6).all()


def far(weight: float, goal: float) -> tuple[Doubles, Doubles]:
    """`own` and `cross` of one input, such that the goal of that weight is this."""
    return np.ones((1, 1)), np.full((1, 1), goal / weight)


def learned(weight: float, goal: float, course: Course) -> float:
    steps = Scales(Levels(3, symmetric=False), 1, np.float32([[1]]), np.float32([[2]]))
    own, cross = far(weight, goal)
    return float(adaround(np.float32([[weight]]), own, cross, steps, course).values[0, 0])


@pytest.mark.parametrize(("done", "beta"), [(0.1, None), (0.2, 20.0), (0.6, 11.0), (1.0, 2.0)])
def test_the_slope_is_that_of_the_loss(done: float, beta: float | None) -> None:
    draw = np.random.default_rng(5)
    x = draw.normal(size=(50, 6))
    own, cross = x.T @ x / 50, x.T @ draw.normal(size=(50, 6)) / 50
    # two inside, one below all levels, one above, and two whose h is 1 and 0
    weight = np.array([[0.3, -1.6, -4.2, 7.7, 0.6, 1.2]])
    v = np.array([[0.4, -0.7, 0.2, -0.1, 5.0, -5.0]])
    scale, zero, last, unit, regularization = 0.5, 3.0, 7, 0.7, 3.0
    scales = Scales(
        Levels(3, symmetric=False), 6, np.full((1, 1), scale), np.full((1, 1), zero)
    )

    def loss(at: Doubles) -> float:
        h = np.clip(1.2 / (1 + np.exp(-at)) - 0.1, 0, 1)
        values = (np.clip(np.floor(weight / scale) + h + zero, 0, last) - zero) * scale
        lost = float(((values @ own) * values - 2 * (weight @ cross) * values).sum()) / unit
        open_ = 0.0 if beta is None else float((1 - np.abs(2 * h - 1) ** beta).mean())
        return lost + regularization * open_

    wanted = [(loss(v + at) - loss(v - at)) / 2e-5 for at in 1e-5 * np.eye(6)]
    layer = _Layer(weight, weight, own, cross, scales)
    found = layer._slope(v, unit, Course(10, 0.1, regularization), done)
    assert found[0].tolist() == pytest.approx(wanted, rel=1e-4, abs=1e-7)
    assert abs(wanted[0]) > 0.1


def test_a_steady_slope_moves_v_by_the_rate_a_step() -> None:
    # v of 0.4 begins at log(0.5 / 0.7) = -0.336, and rounds up from 0 on
    assert learned(0.4, 10, Course(3, 0.1, 0.0)) == 0
    assert learned(0.4, 10, Course(4, 0.1, 0.0)) == 1
    assert learned(0.4, 10, Course(350, 0.001, 0.0)) == 1
    assert learned(0.4, 10, Course(300, 0.001, 0.0)) == 0


def test_h_is_pulled_to_its_end_after_a_fifth_of_the_steps() -> None:
    # the first of 5 steps goes up, past the middle: v from -0.17 by 0.5
    assert learned(0.45, 10, Course(5, 0.5, 1e18)) == 1
    # so does it here, from -1.1 by 0.7, and the second goes down again
    assert learned(0.2, 10, Course(5, 0.7, 1e18)) == 0


def test_the_goal_counts_in_what_rounding_to_nearest_loses() -> None:
    # 1.4 loses 0.16: 2 / 0.16 times the distance of 1 from the goal; an end pulls with 2
    assert learned(1.4, 2.4, Course(5, 0.1, 7e14)) == 2


def test_a_half_rounds_up_where_that_is_better_and_to_even_where_it_is_not() -> None:
    assert learned(0.5, 0.6, Course(0, 0.1, 0.0)) == 1
    assert learned(0.5, 0.5, Course(0, 0.1, 0.0)) == 0


def test_a_weight_on_a_level_stays_there() -> None:
    assert learned(1.0, 10, COURSE) == 1
