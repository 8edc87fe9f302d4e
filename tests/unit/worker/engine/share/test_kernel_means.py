import numpy as np
import pytest

from worker.engine.share import kernel_means as module
from worker.engine.share.kernel_means import kernel_means, nearest_mean

SEED = 3  # draws the first and the fourth of five, and the first two of three
KERNELS = np.float32([[0, 0], [10, 1], [0, 3], [10, 3], [0, 0]])


def test_means_are_those_of_the_kernels_nearest_to_them() -> None:
    means = kernel_means(KERNELS, 2, 20, SEED)
    np.testing.assert_allclose(means, [[0, 1], [10, 2]])


def test_a_round_less_is_a_mean_less_well_placed() -> None:
    draw = np.random.default_rng(4).normal(size=(300, 9)).astype(np.float32)
    lost = []
    for rounds in (1, 3, 30):
        means = kernel_means(draw, 7, rounds, seed=2)
        lost.append(float(np.sum((draw - means[nearest_mean(means, draw)]) ** 2)))
    assert lost[0] > lost[1] > lost[2]


def test_the_first_of_equally_near_means_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ROWS", 2)  # in three parts
    means = np.float32([[1, 0], [-1, 0], [0, 9]])
    assert nearest_mean(means, KERNELS).tolist() == [0, 0, 0, 0, 0]
    assert nearest_mean(means, KERNELS[[2, 3]] * 2).tolist() == [2, 0]


def test_a_mean_without_kernels_stays_and_that_of_one_kernel_is_it() -> None:
    # 0 and 0 are drawn: all are nearest to the first, or as near
    doubled = np.float32([[4, 2], [4, 2], [9, 0]])
    means = kernel_means(doubled, 2, 1, SEED)
    np.testing.assert_allclose(means, [[17 / 3, 4 / 3], [4, 2]], rtol=1e-6)
    # 5 and 6 are drawn: {1 5} {6} with 3 and 6, then {1} {5 6}
    means = kernel_means(np.float32([[5], [6], [1]]), 2, 20, SEED)
    assert means.tolist() == [[1], [5.5]]
