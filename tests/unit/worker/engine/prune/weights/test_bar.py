import numpy as np
import pytest

from worker.engine.prune.weights.bar import Bar, bar

SCORES = np.float32([3, 0.5, 7, 0.5, 1e-30, 0.5, 0, 2])


@pytest.mark.parametrize(
    ("falling", "value", "ties"),
    [(0, 0, 0), (1, 0, 1), (2, 1e-30, 1), (3, 0.5, 1), (5, 0.5, 3), (6, 2, 1), (8, 7, 1)],
)
def test_so_many_fall_and_of_equals_the_first(falling: int, value: float, ties: int) -> None:
    assert bar(lambda: [SCORES[:3], SCORES[3:]], falling) == Bar(np.float32(value), ties)


def test_it_is_the_sorted_list_s_entry_for_any_numbers() -> None:
    draw = np.random.default_rng(5)
    scores = np.abs(draw.normal(size=5000) * 10.0 ** draw.integers(-20, 20, 5000)).astype("f4")
    for falling in (1, 17, 2500, 4999):
        found = bar(lambda: np.array_split(scores, 7), falling)
        assert found.value == np.sort(scores)[falling - 1]
        assert np.count_nonzero(scores < found.value) + found.ties == falling
