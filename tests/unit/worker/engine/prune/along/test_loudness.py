"""How much of a unit is heard, by hand."""

import numpy as np

from worker.engine.prune.along.loudness import energies
from worker.engine.prune.coupling import ELSEWHERE


def test_a_unit_is_heard_as_what_its_columns_make_of_its_inputs() -> None:
    # unit 1 owns columns 0 and 3, unit 2 column 1; nobody's is column 2
    unit = np.array([1, 2, ELSEWHERE, 1])
    weight = np.float32([[[2, 3, 50, 1], [0, 1, 50, -1]]])
    inputs = np.float32([[[1, 2, 60, 3], [5, 4, 60, 0]]])
    # rows (1, 3) and (5, 0) give 2 + 3, -3 and 10, 0; rows 2 and 4 give 6, 2 and 12, 4
    assert energies(unit, 4, weight, inputs).tolist() == [
        0, (25 + 9 + 100) / 2, (36 + 4 + 144 + 16) / 2, 0,
    ]  # fmt: skip


def test_what_is_heard_in_several_groups_adds_up() -> None:
    weight = np.float32([[[2]], [[3]]])
    inputs = np.float32([[[1], [2], [4]], [[5], [0], [1]]])
    found = energies(np.array([0]), 1, weight, inputs)
    assert found.tolist() == [(4 * (1 + 4 + 16) + 9 * (25 + 1)) / 3]
