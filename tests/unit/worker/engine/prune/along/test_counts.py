"""Which constants count units, and what they become."""

import numpy as np
import pytest

from worker.engine.prune.along.counts import _factors, _of_fewer


def test_a_mean_and_a_variance_count_in_six_forms() -> None:
    assert list(_factors(5)) == [5, 0.2, 4, 0.25, 1.25, 0.8]
    assert list(_factors(1)) == [1] * 6


@pytest.mark.parametrize(
    ("factor", "new"), [(8, 5), (1 / 8, 1 / 5), (7, 4), (1 / 7, 1 / 4), (8 / 7, 5 / 4)]
)
def test_a_factor_of_eight_becomes_one_of_five(factor: float, new: float) -> None:
    found = _of_fewer(np.full((1, 1), factor, np.float32), 8, 5)
    assert found is not None
    assert found.shape == (1, 1)
    assert found.dtype == np.float32
    assert found.item() == np.float32(new)


def test_other_numbers_and_vectors_count_nothing() -> None:
    assert _of_fewer(np.float32(9), 8, 5) is None
    assert _of_fewer(np.array(8 * (1 + 1.5e-6)), 8, 5) is None
    assert _of_fewer(np.float32([8, 8]), 8, 5) is None
