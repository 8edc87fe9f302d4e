"""The arithmetic of learned step sizes, worked by hand."""

import pytest
import torch

from worker.engine.quantize.aware.learned_step import BYTE, Integers

THREE_BITS = Integers.signed(3)  # -4 to 3
V = torch.tensor([-9.0, -4.0, -3.75, -0.5, 0.0, 1.5, 2.5, 2.75, 3.0, 7.0])


def test_signed_integers_have_one_more_below_zero_than_above() -> None:
    assert (THREE_BITS.low, THREE_BITS.high) == (-4, 3)
    assert Integers.signed(2) == Integers(-2, 1)
    assert Integers.signed(8) == Integers(-128, 127)


def test_the_nearest_integer_is_even_at_a_half_and_never_beyond_the_ends() -> None:
    q = THREE_BITS.nearest(V)
    assert q.tolist() == [-4, -4, -4, 0, 0, 2, 2, 3, 3, 3]
    assert not torch.signbit(q[3])


def test_a_step_pulls_by_its_rounding_error_inside_and_by_the_end_outside() -> None:
    expected = [-4, -4, -0.25, 0.5, 0, 0.5, -0.5, 0.25, 3, 3]
    assert THREE_BITS.slope(V).tolist() == expected
    inside = [False, False, True, True, True, True, True, True, False, False]
    assert THREE_BITS.inside(V).tolist() == inside


def test_what_is_unsigned_has_no_slope_below_zero() -> None:
    assert BYTE.slope(torch.tensor([-3.0, 0.0, 254.75, 300.0])).tolist() == [0, 0, 0.25, 255]


def test_the_gradient_is_scaled_by_the_root_of_elements_and_largest_integer() -> None:
    assert Integers.signed(4).gradient_scale(28) == pytest.approx(1 / 14)
