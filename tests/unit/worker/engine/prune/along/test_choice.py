"""How many units stay, and which."""

import numpy as np
import pytest

from lathe.errors import BudgetUnreachable
from worker.engine.prune.along.choice import Scope, Share

FIRST, SECOND = np.array([5.0, 1.0, 9.0, 3.0]), np.array([200.0, 100.0])


def left(keep: float, scope: Scope, round_to: int = 1, *, comparable: bool) -> list[list[int]]:
    share = Share(keep, scope, "keep", "parts", round_to)
    kept = share.chosen([FIRST, SECOND], comparable=comparable)
    return [np.flatnonzero(units).tolist() for units in kept]


def test_the_smallest_of_all_go_or_the_smallest_of_each_layer() -> None:
    assert left(0.5, "global", comparable=True) == [[2], [0, 1]]  # 3 of 6
    # relative to means 4.5 and 150: 1.11 0.22 2 0.67 and 1.33 0.67
    assert left(0.5, "global", comparable=False) == [[0, 2], [0]]
    assert left(0.5, "layer", comparable=False) == [[0, 2], [0]]
    assert left(0.9, "layer", comparable=False) == [[0, 2, 3], [0]]  # 3.6 and 1.8


def test_a_whole_number_of_units_is_not_rounded_away() -> None:
    share = Share(0.7, "layer", "keep", "parts")
    (kept,) = share.chosen([np.arange(10.0)], comparable=True)  # 0.7 * 10 < 7 in floats
    assert kept.sum() == 7


def test_counts_become_multiples() -> None:
    assert left(0.7, "global", 2, comparable=True) == [[0, 2], [0, 1]]
    with pytest.raises(BudgetUnreachable, match=r"keep 0.6 .*: 4 of the parts stay .* 3 may"):
        left(0.6, "global", 2, comparable=True)
    with pytest.raises(BudgetUnreachable, match=r"1 of the parts stay .* 0 may"):
        left(0.3, "layer", comparable=True)
