"""Wanda's scores by hand: weights times norms of inputs over every batch."""

import numpy as np

from worker.engine.prune.weights.wanda import Energies, scores


def test_a_score_is_the_weight_times_the_root_of_all_squares_of_its_input() -> None:
    energies = Energies(2, 2)
    unused = np.full((2, 1, 2), 99, np.float32)
    energies.add(unused, np.float32([[[3, 0]], [[1, 2]]]))
    energies.add(unused, np.float32([[[-4, 0.5]], [[1, 0]]]))
    weights = np.float32([[[-1, 8]], [[3, -2]]])  # two groups of one row
    found = scores(weights, energies)
    assert np.allclose(found, [[[5, 4]], [[3 * 2**0.5, 4]]])
