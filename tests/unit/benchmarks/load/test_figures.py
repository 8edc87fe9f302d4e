"""The two figures that decide: a percentile, and whether memory is flat."""

from benchmarks.load.samples import Sample, flatness
from benchmarks.load.table import p99


def test_of_100_values_the_99th_is_meant_and_of_few_the_last() -> None:
    assert p99([float(n) for n in range(100, 0, -1)]) == 99
    assert p99([float(n) for n in range(1, 201)]) == 198
    assert p99([3.0, 1.0]) == 3


def test_the_second_tenth_is_compared_with_the_last() -> None:
    grown = [900, 100, 100, 102, 103, 104, 105, 106, 107, 190]
    samples = [
        Sample(float(n), 0, size * 1_000_000, 0, 0.0, 0.0)
        for n, size in enumerate(size for size in grown for _ in range(3))
    ]
    found = flatness(samples)
    assert (found.early_bytes, found.late_bytes) == (100e6, 190e6)
    assert found.allowed_bytes == 107e6
