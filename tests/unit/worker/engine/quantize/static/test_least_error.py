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
