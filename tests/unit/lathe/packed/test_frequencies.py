"""Frequencies from weights of one byte."""

import numpy as np
import pytest

from lathe.errors import CorruptPacked
from lathe.packed.frequencies import WEIGHTS, frequencies


def test_sixteen_steps_double_a_weight() -> None:
    assert WEIGHTS[[0, 1, 17, 33, 241]].tolist() == [0, 16, 32, 64, 16 << 15]
    assert WEIGHTS[9] == 22  # 16 * 1.414


def test_what_is_left_goes_to_the_first_heaviest() -> None:
    weights = np.array([1, 17, 0, 17], np.uint8)
    # 16 32 0 32 of 80 share 10 - 3 = 7: 1 + 1, 1 + 2, 0, 1 + 2 is 8
    assert frequencies(weights, 10).tolist() == [2, 5, 0, 3]
    assert frequencies(weights).sum() == 4096


def test_a_table_that_nobody_uses_is_zero() -> None:
    assert frequencies(np.zeros(3, np.uint8)).tolist() == [0, 0, 0]


def test_more_tokens_than_there_is_to_share_are_refused() -> None:
    with pytest.raises(CorruptPacked):
        frequencies(np.array([1, 1, 1], np.uint8), 2)
