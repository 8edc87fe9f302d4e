"""GPTQ on block grids."""

import numpy as np
import pytest

from worker.engine.layerwise.feedback import factor
from worker.engine.quantize.blocks.gptq import gptq
from worker.engine.quantize.blocks.grid import Levels, Scales, first_scales, rounded

ASYMMETRIC = Levels(3, symmetric=False)


def test_the_second_column_makes_good_what_the_first_lost() -> None:
    moments = np.array([[2.0, 1.0], [1.0, 2.0]])
    one, four = np.float32([[1.0]]), np.float32([[4.0]])
    scales = Scales(ASYMMETRIC, 2, one, four)
    weight = np.array([[0.4, 0.4]], np.float32)
    # 0.4 rounds to 0, code 4; half of what was lost goes to the neighbour: 0.6 rounds to 1
    found = gptq(weight, moments, 1e-9, scales, ASYMMETRIC, 2)
    assert found.codes.tolist() == [[4, 5]]
    assert found.values.tolist() == [[0, 1]]


def test_a_pruned_weight_stays_zero_and_its_neighbour_pays() -> None:
    moments = np.array([[2.0, 1.0], [1.0, 2.0]])
    scales = Scales(ASYMMETRIC, 2, np.float32([[1.0]]), np.float32([[2.0]]))
    weight = np.array([[0.0, 1.2]], np.float32)
    kept = np.array([[False, True]])
    assert gptq(weight, moments, 1e-9, scales, ASYMMETRIC, 2, kept).codes.tolist() == [[2, 3]]
    left = np.array([[1.2, 1.2]], np.float32)  # what a mask forbids is lost: 1.2 + 0.6
    found = gptq(left, moments, 1e-9, scales, ASYMMETRIC, 2, kept)
    assert found.values.tolist() == [[0, 2]]


def test_a_block_makes_its_scales_of_what_the_blocks_before_left_in_it() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 6)) @ draw.normal(size=(6, 6))
    moments = x.T @ x / 300
    weight = draw.normal(size=(5, 6)).astype(np.float32)
    upper = factor(moments, 0.01)
    left, wanted, scale = weight.astype(np.float64), np.zeros((5, 6)), np.zeros((5, 3))
    for block in range(3):
        columns = slice(2 * block, 2 * block + 2)
        made = first_scales(left[:, columns].astype(np.float32), ASYMMETRIC, 2)
        scale[:, block] = made.scale[:, 0]
        for j in range(2 * block, 2 * block + 2):
            one = rounded(left[:, j : j + 1].astype(np.float32), made)
            wanted[:, j] = one.values[:, 0]
            error = (left[:, j] - wanted[:, j]) / upper[j, j]
            left[:, j + 1 :] -= np.outer(error, upper[j, j + 1 :])
    found = gptq(weight, moments, 0.01, None, ASYMMETRIC, 2)
    assert found.scales.scale == pytest.approx(scale, rel=0.01)  # bfloat16 may tip over
    assert np.mean(np.isclose(found.values, wanted, atol=0.02)) > 0.9


def test_outputs_lose_less_than_by_rounding_to_nearest() -> None:
    draw = np.random.default_rng(4)
    x = draw.normal(size=(500, 24)) @ draw.normal(size=(24, 24))
    weight = draw.normal(size=(16, 24)).astype(np.float32)
    moments = x.T @ x / 500
    nearest = rounded(weight, first_scales(weight, ASYMMETRIC, 8)).values - weight
    better = gptq(weight, moments, 0.01, None, ASYMMETRIC, 8).values - weight
    assert np.vdot(better @ moments, better) < 0.6 * np.vdot(nearest @ moments, nearest)


def test_what_is_lost_is_taken_in_weights_and_not_in_steps() -> None:
    moments = np.array([[2.0, 1.0], [1.0, 2.0]])
    scales = Scales(ASYMMETRIC, 2, np.float32([[0.5]]), np.float32([[4.0]]))
    # 0.7 becomes 0.5, half of the 0.2 goes to the neighbour: 0.3 rounds to 0.5
    found = gptq(np.float32([[0.7, 0.2]]), moments, 1e-9, scales, ASYMMETRIC, 2)
    assert found.values.tolist() == [[0.5, 0.5]]
