"""Which weights fall, worked by hand."""

import numpy as np

from worker.engine.prune.weights.selection import falling, of_all, of_each_block, of_each_row

SCORES = np.float32([[4, 1, 3, 1], [0, 9, 1, 8]])


def test_so_many_of_all_fall_and_of_equal_ones_the_first() -> None:
    assert of_all(SCORES, 3).tolist() == [[False, True, False, True], [True] + [False] * 3]
    assert of_all(SCORES, 2).tolist() == [[False, True, False, False], [True] + [False] * 3]
    assert not of_all(SCORES, 0).any()


def test_so_many_of_each_row_fall() -> None:
    falls = of_each_row(SCORES, 1)
    assert falls.tolist() == [[False, True, False, False], [True] + [False] * 3]
    assert of_each_row(SCORES, 3).tolist() == [
        [False, True, True, True],
        [True, False, True, True],
    ]


def test_of_each_block_all_but_so_many_fall() -> None:
    falls = of_each_block(SCORES, 1, 2)
    assert falls.tolist() == [[False, True, False, True], [True, False, True, False]]
    assert of_each_block(SCORES, 3, 4).sum(axis=1).tolist() == [1, 1]


def test_a_share_is_rounded_half_up() -> None:
    assert [falling(0.5, n) for n in (3, 4, 5)] == [2, 2, 3]
    assert falling(0.4, 6) == 2  # 2.4
