"""Signed integers as naturals."""

import numpy as np
import pytest

from lathe.errors import CorruptPacked
from lathe.packed.zigzag import unzigzag, zigzag


def test_small_magnitudes_come_first() -> None:
    codes = np.array([0, -1, 1, -2, 2, 2**31 - 1, -(2**31)], np.int32)
    assert zigzag(codes).tolist() == [0, 1, 2, 3, 4, 2**32 - 2, 2**32 - 1]
    np.testing.assert_array_equal(unzigzag(zigzag(codes)), codes)


def test_a_natural_beyond_32_bits_is_refused() -> None:
    with pytest.raises(CorruptPacked):
        unzigzag(np.array([2**32]))
