"""Scales and levels by hand."""

import numpy as np
import pytest

from worker.engine.quantize.blocks.grid import (
    Levels,
    Quantized,
    Scales,
    away_from_zero,
    blocked,
    first_scales,
    one_if_equal,
    rounded,
    to_bfloat16,
)


def floats(*rows: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(rows, np.float32)


def test_an_asymmetric_grid_reaches_from_the_least_to_the_largest_weight() -> None:
    weight = floats([-2, 0.9, 2.9, 4])
    scales = first_scales(weight, Levels(2, symmetric=False), 4)
    assert (scales.scale.tolist(), scales.zero.tolist()) == ([[2.0]], [[1.0]])  # 6 / 3; 2 / 2
    found = rounded(weight, scales)
    assert found.codes.tolist() == [[0, 1, 2, 3]]
    assert found.values.tolist() == [[-2, 0, 2, 4]]


def test_a_grid_of_positive_weights_begins_at_zero() -> None:
    scales = first_scales(floats([3, 6], [-3, -6]), Levels(2, symmetric=False), 2)
    assert scales.scale.tolist() == [[2], [2]]
    assert scales.zero.tolist() == [[0], [3]]


def test_the_furthest_weight_of_a_symmetric_grid_lies_on_the_level_without_counterpart() -> (
    None
):
    weight = floats([0.5, -3, 6, 1], [0.5, -6, 3, 1])
    scales = first_scales(weight, Levels(3, symmetric=True), 4)
    assert scales.scale.tolist() == [[-1.5], [1.5]]
    assert scales.zero.tolist() == [[4], [4]]
    found = rounded(weight, scales)
    assert found.codes.tolist() == [[4, 6, 0, 3], [4, 0, 6, 5]]
    assert found.values.tolist() == [[0, -3, 6, 1.5], [0, -6, 3, 1.5]]
    both = first_scales(floats([-3, 3]), Levels(3, symmetric=True), 2)
    assert both.scale.tolist() == [[-0.75]]  # of two as far the positive one


def test_every_block_of_columns_has_its_own_scale_and_the_last_one_may_be_short() -> None:
    weight = floats([3, 0, 30, 15, 6])
    scales = first_scales(weight, Levels(2, symmetric=False), 2)
    assert scales.scale.tolist() == [[1, 10, 2]]
    assert rounded(weight, scales).values.tolist() == [[3, 0, 30, 20, 6]]  # 1.5 is a tie
    assert blocked(weight, 2).tolist() == [[[3, 0], [30, 15], [6, 0]]]


def test_scales_are_bfloat16_numbers_that_clip_nothing() -> None:
    given = np.array([1.001, -1.001, 1.5, 0, 1e-42], np.float32)
    assert away_from_zero(given).tolist() == [1.0078125, -1.0078125, 1.5, 1, 1]
    smallest = np.array([2.0**-126], np.float32)
    assert away_from_zero(smallest).tolist() == smallest.tolist()
    given = np.array([1.001, -1.005, 1.5, 0], np.float32)
    assert to_bfloat16(given).tolist() == [1, -1.0078125, 1.5, 1]


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_zero_is_a_level_of_every_grid(bits: int, *, symmetric: bool) -> None:
    draw = np.random.default_rng(bits)
    weight = (draw.normal(size=(7, 33)) + draw.normal(size=(7, 1))).astype(np.float32)
    weight[:, ::3] = 0
    found = rounded(weight, first_scales(weight, Levels(bits, symmetric=symmetric), 8))
    assert not found.values[:, ::3].any()
    assert found.codes.max() == (1 << bits) - 1 or symmetric
    within = np.abs(found.values - weight) <= np.abs(found.scales.along(slice(0, 33))[0])
    assert within.all()


def test_a_block_of_zeros_stays_zero() -> None:
    for symmetric in (True, False):
        levels = Levels(4, symmetric=symmetric)
        found = rounded(floats([0, 0]), first_scales(floats([0, 0]), levels, 2))
        assert found.values.tolist() == [[0, 0]]


def test_the_values_are_those_of_each_columns_block() -> None:
    scales = Scales(Levels(2, symmetric=False), 2, floats([0.5, 4]), floats([1, 0]))
    codes = np.array([[0, 3, 1]], np.uint8)
    assert Quantized(codes, scales).values.tolist() == [[-0.5, 1, 4]]


def test_equal_values_are_stored_once() -> None:
    assert one_if_equal(floats([2, 2], [2, 2])).tolist() == [[2]]
    assert one_if_equal(floats([2, 2], [2, 3])).shape == (2, 2)
    assert one_if_equal(floats([5])).tolist() == [[5]]


def test_the_last_block_is_filled_up_with_codes_of_its_zero() -> None:
    scales = Scales(Levels(2, symmetric=False), 4, floats([1, 1, 1]), floats([0, 1, 3]))
    codes = np.array([[1, 2, 3, 1, 2, 0, 1, 3, 2]], np.uint8)
    wanted = [[[1, 2, 3, 1], [2, 0, 1, 3], [2, 3, 3, 3]]]
    assert Quantized(codes, scales).in_blocks(4).tolist() == wanted
    assert Quantized(codes[:, :8], scales).in_blocks(4).tolist() == [wanted[0][:2]]


def test_half_way_between_two_bfloat16_numbers_goes_up_and_what_is_below_down() -> None:
    half = np.float32(1 + 2.0**-8)
    below = np.nextafter(half, np.float32(0))
    assert to_bfloat16(np.array([half, below])).tolist() == [1 + 2.0**-7, 1]
