import numpy as np
import pytest

from worker.engine.share import kmeans
from worker.engine.share.kmeans import codebook, nearest, points

LINE = np.float32([0, 1, 2, 9, 10, 12])


def test_values_move_to_the_means_of_the_weights_nearest_to_them() -> None:
    # from 0 and 12, the border is 6: means 1 and 31/3
    found = codebook(points(lambda: [LINE], 6), 2, iterations=100)
    assert found.tolist() == [1, np.float32(31 / 3)]


def test_a_round_is_one_round() -> None:
    # from 0, 6 and 12: borders 3 and 9, where 9 goes up; 6 has none and stays, then is left out
    line = points(lambda: [LINE], 6)
    assert codebook(line, 3, iterations=1).tolist() == [1, np.float32(31 / 3)]
    # 0, 4, 8, 12: borders 2, 6, 10 -> {0 1} {2} {9} {10 12} -> .5, 2, 9, 11
    assert codebook(line, 4, iterations=1).tolist() == [0.5, 2, 9, 11]


def test_equal_weights_count_as_often_as_they_are_there() -> None:
    line = points(lambda: [np.float32([3, 1, 1]), np.float32([1, 9])], 5)
    # from 1 and 9: border 5, {1 1 1 3} and {9}
    assert codebook(line, 2, iterations=9).tolist() == [1.5, 9]


def test_few_different_weights_are_their_own_codebook() -> None:
    line = points(lambda: [np.float32([2, -1, 2, -1])], 4)
    assert codebook(line, 2, iterations=1).tolist() == [-1, 2]
    assert codebook(points(lambda: [np.zeros(0, np.float32)], 0), 4, 9).tolist() == []
    assert codebook(points(lambda: [LINE], 6), 6, iterations=9).tolist() == LINE.tolist()


def test_many_weights_are_told_apart_by_the_upper_half_of_their_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # bfloat16 has 1 and 1 + 2^-7 as neighbours; 1 + 2^-8 is cut off to 1
    weights = np.float32([1, 1 + 2**-7, 1 + 2**-8])
    monkeypatch.setattr(kmeans, "EXACT_WEIGHTS", 3)
    assert points(lambda: [weights], 3).places.tolist() == sorted(weights.tolist())
    monkeypatch.setattr(kmeans, "EXACT_WEIGHTS", 2)
    line = points(lambda: [weights], 3)
    assert line.places.tolist() == [1 + 2**-9, 1 + 2**-7]
    assert line.counts.tolist() == [2, 1]


def test_the_nearest_value_is_taken_and_the_greater_of_two() -> None:
    values = np.float32([-1, 1, 4])
    near = nearest(values, np.float32([-9, -0.1, 0, 2.4, 2.5, 9]))
    assert near.tolist() == [-1, -1, 1, 1, 4, 4]


def test_a_line_counted_in_bins_gives_nearly_the_same_codebook(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(1)
    weights = draw.normal(size=40_000).astype(np.float32)
    exact = codebook(points(lambda: [weights], 40_000), 8, 300)
    monkeypatch.setattr(kmeans, "EXACT_WEIGHTS", 100)
    line = points(lambda: np.array_split(weights, 3), 40_000)
    binned = codebook(line, 8, 300)
    assert line.counts.sum() == 40_000
    assert np.allclose(line.sums.sum(), weights.sum(dtype=np.float64))
    errors = [np.square(nearest(c, weights) - weights).mean() for c in (exact, binned)]
    assert errors[1] < errors[0] * 1.01
    # the best codebook of 8 values for a normal has the error 0.03454 (Lloyd-Max)
    assert errors[0] == pytest.approx(0.0345, abs=0.002)
