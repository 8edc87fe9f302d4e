"""Wilson's interval."""

import pytest

from benchmarks.deep_compression.wilson import wilson


def test_the_interval_of_a_few_errors_is_wider_above_than_below() -> None:
    # 1 of 10: (0.1 + 0.19207 -+ 1.96 sqrt(0.009 + 0.0096036)) / 1.38415
    low, high = wilson(1, 10)
    assert (low, high) == pytest.approx((0.017876, 0.404150), abs=1e-5)


def test_no_error_seen_is_not_no_error() -> None:
    low, high = wilson(0, 100)
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx(3.8415 / 103.8415, abs=1e-5)
