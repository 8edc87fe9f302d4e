"""Ranges of least squared error over histograms whose bins' middles are whole numbers."""

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.engine.quantize.static.least_error import least_error_range

LARGEST = 12.5  # 25 bins, middles -12 to 12


def histogram(**counts: int) -> NDArray[np.int64]:
    """Counts by middle: `p3` is 3, `n3` is -3."""
    made = np.zeros(25, np.int64)
    for name, count in counts.items():
        made[12 + int(name[1:]) * (1 if name[0] == "p" else -1)] = count
    return made


def test_one_stranger_is_clipped_where_the_many_gain_more_by_finer_steps() -> None:
    """Of 4 levels up to 12 are 0, 4, 8, 12: 100 (1^2 + 2^2 + 1^2) = 600 is lost, and the
    stranger nothing; up to 3 they are 0, 1, 2, 3: (12 - 3)^2 = 81."""
    counts = histogram(p0=1000, p1=100, p2=100, p3=100, p12=1)
    assert least_error_range(counts, LARGEST, (0.0, 12.0), last=3) == (0.0, 3.0)
    mirrored = counts[::-1].copy()
    assert least_error_range(mirrored, LARGEST, (-12.0, 0.0), last=3) == (-3.0, 0.0)


def test_many_strangers_are_kept() -> None:
    """Up to 3 would now lose 9 * 81 = 729, more than 600."""
    counts = histogram(p1=100, p2=100, p3=100, p12=9)
    low, high = least_error_range(counts, LARGEST, (0.0, 12.0), last=3)
    assert low == 0
    assert high > 8


def test_either_end_moves_by_itself() -> None:
    """-2 to 1 in steps of 1 leaves nothing of the many to lose, 6^2 + 6^2 of the strangers."""
    counts = histogram(n8=1, n2=900, n1=900, p1=900, p7=1)
    low, high = least_error_range(counts, LARGEST, (-8.0, 7.0), last=3)
    assert low == pytest.approx(-2, abs=0.15)
    assert high == pytest.approx(1, abs=0.15)


def test_symmetric_ends_move_together() -> None:
    """Levels from the middle: of 7, up to 3.125 = 16/64 of 12.5 every whole number is near."""
    counts = histogram(n3=500, n1=500, p1=500, p2=500, p12=1)
    low, high = least_error_range(counts, LARGEST, (-3.0, 12.0), symmetric=True, last=6)
    assert (low, high) == (-high, high)
    assert high == pytest.approx(3, abs=0.2)


def test_values_on_the_levels_keep_the_whole_range() -> None:
    counts = histogram(p0=5, p4=50, p8=50, p12=50)
    assert least_error_range(counts, LARGEST, (0.0, 12.0), last=3) == (0.0, 12.0)


def test_without_a_number_there_are_256_levels() -> None:
    counts = np.zeros(511, np.int64)  # middles -255 to 255
    counts[255 + 100], counts[255 + 255] = 10**6, 1
    assert least_error_range(counts, 255.5, (0.0, 255.0)) == (0.0, 255.0)


def test_a_value_that_was_seen_once_counts() -> None:
    counts = histogram(p1=1, p2=1, p3=1)
    assert least_error_range(counts, LARGEST, (0.0, 12.0), last=3) == (0.0, 3.0)


def test_an_end_goes_no_further_in_than_an_eighth() -> None:
    """Of 2 levels up to 8 / 8: 7^2 of the stranger; at 9/64 more of 1000 ones is lost."""
    counts = histogram(p1=1000, p8=1)
    assert least_error_range(counts, LARGEST, (0.0, 8.0), last=1) == (0.0, 1.0)


def test_a_range_of_positive_values_begins_at_zero() -> None:
    counts = histogram(p4=50, p8=50, p12=50)
    assert least_error_range(counts, LARGEST, (4.0, 12.0), last=3) == (0.0, 12.0)


def test_the_zero_point_counts_steps() -> None:
    """-4, -2, 0, 2 in steps of 2."""
    counts = histogram(n4=50, n2=50, p2=50)
    assert least_error_range(counts, LARGEST, (-4.0, 2.0), last=3) == (-4.0, 2.0)


def test_an_end_moves_again_after_the_other_one_has() -> None:
    """High stays at 5 before low goes to 36/64; then 58/64 loses 2044 in place of 2147."""
    counts = histogram(n9=100, n6=900, n1=900, p5=100)
    assert least_error_range(counts, LARGEST, (-9.0, 5.0), last=3) == (-5.0625, 4.53125)
