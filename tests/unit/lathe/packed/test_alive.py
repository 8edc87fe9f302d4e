"""Hints from the matrices before."""

import numpy as np

from lathe.packed.alive import Alive


def test_the_rows_of_a_layer_hint_at_the_columns_of_the_next() -> None:
    alive = Alive()
    codes = np.zeros((4, 5), np.int32)
    codes[2] = 1
    alive.add(codes)
    assert alive.hints(4) == [1, 1, 2, 1]
    assert alive.hints(8) == [1, 1, 1, 1, 2, 2, 1, 1]
    assert alive.hints(5) == [2] * 5
    assert alive.hints(20) == [2] * 20  # the longest mask that fits
    assert alive.hints(7) == [0] * 7


def test_a_bias_leaves_no_hint() -> None:
    alive = Alive()
    alive.add(np.ones((1, 6), np.int32))
    assert alive.hints(6) == [0] * 6
