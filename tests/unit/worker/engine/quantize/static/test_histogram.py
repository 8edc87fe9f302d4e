"""Ranges from histograms small enough to work by hand."""

import numpy as np
import pytest

from worker.engine.quantize.static.histogram import (
    _divergence,
    entropy_threshold,
    percentile_range,
)


def test_a_percentile_leaves_half_the_rest_beyond_each_end() -> None:
    # bins of width 2 over [-8, 8], 1000 values; 1 % beyond each end is 10 values
    counts = np.array([5, 20, 0, 455, 500, 0, 15, 5])
    low, high = percentile_range(counts, 8.0, 98.0)
    # from the left 5 values are in the first bin, 5 of the 20 lie in a quarter of the second
    assert low == pytest.approx(-6 + 2 * 5 / 20)
    assert high == pytest.approx(6 - 2 * 5 / 15)


def test_the_whole_percentile_is_the_whole_histogram() -> None:
    counts = np.array([0, 7, 3, 2])
    assert percentile_range(counts, 4.0, 100.0) == pytest.approx((-2.0, 4.0))


def test_entropy_drops_a_lonely_outlier() -> None:
    counts = np.zeros(4096, np.int64)
    x = np.arange(4096) - 2048
    counts += (1e5 * np.exp(-((x / 200.0) ** 2))).astype(np.int64)
    counts[-1] = 1
    threshold = entropy_threshold(counts, 2048.0, 128)
    assert 400 < threshold < 1000


def test_entropy_keeps_a_flat_distribution_whole() -> None:
    counts = np.full(4096, 50)
    assert entropy_threshold(counts, 6.0, 128) == pytest.approx(6.0)


def test_many_zeros_do_not_narrow_the_range() -> None:
    counts = np.zeros(4096, np.int64)
    counts[2048:] = 50
    counts[2048] = 10**6
    assert entropy_threshold(counts, 6.0, 255) == pytest.approx(6.0)


def test_the_divergence_of_two_groups_by_hand() -> None:
    # P has the 4 from beyond in its last bin; the groups hold 6 in two bins and 2 in one
    folded = np.array([4.0, 2, 0, 2, 1, 3])
    mass = 3 + 3 + 1e-4 + 2
    wanted = 4 / 12 * np.log(4 / 12 * mass / 3) + 2 / 12 * np.log(2 / 12 * mass / 3)
    wanted += 6 / 12 * np.log(6 / 12 * mass / 2)
    assert _divergence(folded, 4, 2) == pytest.approx(wanted, abs=1e-9)


def test_a_bin_with_one_value_is_no_empty_bin() -> None:
    # groups of 5 in two bins and 2 in one; 4 lie beyond
    folded = np.array([4.0, 1, 0, 2, 1, 3])
    mass = 2.5 + 2.5 + 1e-4 + 2
    wanted = 4 / 11 * np.log(4 / 11 * mass / 2.5) + 1 / 11 * np.log(1 / 11 * mass / 2.5)
    wanted += 6 / 11 * np.log(6 / 11 * mass / 2)
    assert _divergence(folded, 4, 2) == pytest.approx(wanted, abs=1e-9)
