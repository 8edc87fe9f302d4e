import numpy as np
import pytest
import torch

from worker.engine.prune.lamp import comparable, losses


def test_a_layer_loses_by_its_weights_share_of_the_energy_that_would_be_left() -> None:
    # 9/169, 16/160, 1 and .36, 1
    layers = [np.float32([3, 12, 4]), np.float32([0.6, 0.8])]
    parts = [lambda sizes=sizes: [sizes[:1], sizes[1:]] for sizes in layers]
    assert [losses(parts, falling) for falling in range(6)] == [
        [0, 0], [1, 0], [2, 0], [2, 1], [2, 1], [2, 1],
    ]  # fmt: skip


def test_equal_weights_fall_one_after_the_other() -> None:
    # 1/4, 1/3, 1/2, 1 and 1/9 .. : the zero first, then 1/9, then 1/4
    layers = [np.ones(4, np.float32), np.float32([0, 1, np.sqrt(8)])]
    parts = [lambda sizes=sizes: [sizes] for sizes in layers]
    assert [losses(parts, falling) for falling in (1, 2, 3, 4, 5)] == [
        [0, 1], [0, 2], [1, 2], [2, 2], [3, 2],
    ]  # fmt: skip


def test_counting_in_bins_is_close_to_sorting() -> None:
    draw = np.random.default_rng(3)
    layers = [np.abs(draw.normal(size=n) * s).astype("f4") for n, s in ((5000, 1), (900, 9))]
    layers.append(np.abs(draw.standard_t(2, 3000)).astype("f4"))
    scores = []
    for sizes in layers:
        squares = np.sort(sizes).astype(np.float64) ** 2
        scores.append(squares / np.cumsum(squares[::-1])[::-1])
    for falling in (100, 4000, 8500):
        bar = np.sort(np.concatenate(scores))[falling]
        exact = [int((score < bar).sum()) for score in scores]
        found = losses([lambda sizes=sizes: [sizes] for sizes in layers], falling)
        assert sum(found) == falling
        assert max(abs(a - b) for a, b in zip(found, exact, strict=True)) <= 12


def test_zeros_alone_count_as_fallen() -> None:
    parts = [lambda: [np.zeros(3, np.float32)], lambda: [np.float32([1, 2])]]
    assert losses(parts, 3) == [3, 0]
    assert losses(parts, 5) == [3, 1]


def test_scores_come_in_the_order_of_the_weights() -> None:
    # 3, 4, 12: 9/169, 16/160, 144/144
    assert comparable(torch.tensor([4.0, 3.0, 12.0])).tolist() == pytest.approx(
        [0.1, 9 / 169, 1]
    )
    assert comparable(torch.zeros(2)).tolist() == [0, 0]


def test_of_the_zeros_as_many_fall_as_should() -> None:
    parts = [lambda: [np.zeros(3, np.float32)], lambda: [np.float32([1, 2])]]
    assert losses(parts, 2) == [2, 0]


def test_of_equal_scores_in_several_tensors_the_first_ones_fall() -> None:
    parts = [lambda: [np.float32([3, 4, 12])]] * 3
    assert losses(parts, 5) == [2, 2, 1]


def test_weights_that_differ_by_a_128th_are_told_apart() -> None:
    # 1 / 2.0157 = 0.4961 and 3.9996 / 8.0313 = 0.4980; one bin of both would be 0.5
    layers = [np.float32([1, 1 + 2.0**-7]), np.float32([1.9999, 2.0079])]
    assert losses([lambda sizes=sizes: [sizes] for sizes in layers], 1) == [1, 0]
