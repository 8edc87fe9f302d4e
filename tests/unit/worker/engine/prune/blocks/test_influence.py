"""How much answers change and vectors turn, by hand."""

import numpy as np
import pytest

from worker.engine.prune.blocks.influence import _cosines, change


def test_a_change_is_relative_over_all_batches_and_a_mean_over_outputs() -> None:
    before = [{"y": np.float32([[1, 2]]), "z": np.float32([0])}, {"y": np.float32([[3, 1]])}]
    after = [{"y": np.float32([[1, 4]]), "z": np.float32([0.5])}, {"y": np.float32([[0, 1]])}]
    for batches in (before, after):
        batches[1]["z"] = np.float32([0])
    # y: 4 + 9 of 1 + 4 + 9 + 1; z was nothing: 0.25
    assert change(before, after) == pytest.approx((13 / 15 + 0.25) / 2)
    silent = [{"y": np.float32([[np.nan, 1]])}]
    assert change(silent, silent) == float("inf")


def test_vectors_turn_by_their_angle_and_two_that_are_zero_do_not() -> None:
    x = np.float32([[3, 4], [0, 0], [0, 0], [0.3, 0]])
    y = np.float32([[0, 2], [0, 0], [0, 1], [-0.6, 0]])
    assert _cosines(x, y, None) == pytest.approx([0.8, 1, 0, -1])


def test_padding_is_left_out_where_the_mask_fits() -> None:
    x, y = np.float32([[[1, 0], [1, 0]]]), np.float32([[[1, 0], [0, 1]]])
    assert _cosines(x, y, np.array([[True, False]])).tolist() == [1]
    assert _cosines(x, y, np.array([[True, False, True]])).tolist() == [1, 0]


def test_an_image_has_a_vector_of_channels_at_each_position() -> None:
    x = np.arange(1, 13, dtype=np.float32).reshape(1, 2, 2, 3)
    y = x.copy()
    y[0, :, 1, 2] = [12, -6]  # from 6, 12
    assert _cosines(x, y, None) == pytest.approx([1, 1, 1, 1, 1, 0])
