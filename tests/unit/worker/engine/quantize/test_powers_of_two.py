"""Powers of two by hand."""

import numpy as np
import pytest

from worker.engine.quantize.powers_of_two import Powers, powers, to_powers


@pytest.mark.parametrize(
    ("largest_weight", "bits", "expected"),
    [
        (1.0, 3, Powers(0, -2)),  # 4/3 is above 1; three powers
        (0.74, 3, Powers(-1, -3)),  # 0.987 is below 1
        (0.75, 2, Powers(0, 0)),
        (3.1, 5, Powers(2, -12)),  # 4.13 is above 4; fifteen powers
    ],
)
def test_the_largest_power_follows_the_largest_weight(
    largest_weight: float, bits: int, expected: Powers
) -> None:
    found = powers(largest_weight, bits)
    assert found == expected
    assert found.count == 2 ** (bits - 1) - 1


def test_no_power_is_below_the_smallest_normal_number() -> None:
    assert powers(2.0**-124, 4) == Powers(-124, -126)
    assert powers(2.0**-140, 4) == Powers(-126, -126)


def test_a_power_takes_what_lies_from_three_quarters_to_one_and_a_half_of_it() -> None:
    weights = np.float32([0.75, 0.74, -1.49, 1.51, 3, 99, -0.37, 0.26, 0.24, -0.24, 0])
    found = to_powers(weights, Powers(1, -1))
    assert found.tolist() == [1, 0.5, -1, 2, 2, 2, -0.5, 0.5, 0, 0, 0]


def test_shapes_stay() -> None:
    weights = np.float32([[1, 0.5], [-4, 0]])
    assert np.array_equal(to_powers(weights, Powers(2, -1)), weights)
