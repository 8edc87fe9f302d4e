"""Learned rounding, where the best answer can be seen."""

import numpy as np

from worker.engine.quantize.blocks.adaround import Course, adaround
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
