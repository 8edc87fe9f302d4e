import numpy as np
import pytest

from worker.engine.quantize.weight_grid import weight_grid

LOW = np.array([-2, 1, 0, -9], np.float32)
HIGH = np.array([1, 5, 0, -3], np.float32)
INT8, UINT8 = np.dtype(np.int8), np.dtype(np.uint8)


def test_signed_integers_reach_the_larger_end_on_both_sides() -> None:
    scales, zeros = weight_grid(LOW, HIGH, INT8, reduce_range=False)
    assert scales == pytest.approx([2 / 127, 5 / 127, 1, 9 / 127])
    assert zeros.tolist() == [0, 0, 0, 0]
    assert zeros.dtype == np.int8


def test_seven_bits_reach_64() -> None:
    scales, _ = weight_grid(LOW, HIGH, INT8, reduce_range=True)
    assert scales == pytest.approx([2 / 64, 5 / 64, 1, 9 / 64])


def test_unsigned_integers_span_low_to_high_and_zero() -> None:
    scales, zeros = weight_grid(LOW, HIGH, UINT8, reduce_range=False)
    assert scales == pytest.approx([3 / 255, 5 / 255, 1, 9 / 255])
    assert zeros.tolist() == [170, 0, 0, 255]  # 2 of 3, none, none, all of it is negative
    assert zeros.dtype == np.uint8
