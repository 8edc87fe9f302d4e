"""What a layer loses with a unit when the rest makes it good, by hand."""

import numpy as np
import pytest

from worker.engine.prune.channels.reconstruction import NOBODY, Reader, added_losses

ROUGHLY = 0.01  # of a number: the damping


def test_unlike_inputs_lose_what_they_bring() -> None:
    reader = Reader(np.float32([[3, 1], [0, 2]]), np.diag([2.0, 5.0]), np.arange(2), 2)
    # energies: 9 * 2 of column 0; (1 + 4) * 5 of column 1
    assert reader.losses() == pytest.approx([18 / 43, 25 / 43], rel=ROUGHLY)
    assert added_losses([reader], 2) == pytest.approx([18 / 43, 18 / 43], rel=ROUGHLY)


def test_a_unit_that_another_one_follows_costs_nothing_and_its_weight_moves() -> None:
    """x1 = 2 x0."""
    reader = Reader(np.float32([[3, 1]]), np.array([[1.0, 2.0], [2.0, 4.0]]), np.arange(2), 2)
    assert reader.losses() == pytest.approx([0, 0], abs=ROUGHLY)
    reader.drop(0)
    assert reader.weight[0] == pytest.approx([0, 1 + 3 / 2], rel=ROUGHLY)


def test_what_is_left_makes_good_and_costs_the_more() -> None:
    """x1 = x0 + e with E[e^2] = 1, E[x0^2] = 3: W x = 2 x0 + 5 e when all is there."""
    moments = np.array([[3.0, 3.0], [3.0, 4.0]])
    reader = Reader(np.float32([[-3, 5]]), moments, np.arange(2), 2)
    energy = 4 * 3 + 25 * 1
    # without x1 the e is lost: 25; without x0, w = E[y x1] / E[x1^2] = 11 / 4 leaves
    # 37 - 121 / 4 = 6.75
    assert reader.losses() == pytest.approx([6.75 / energy, 25 / energy], rel=ROUGHLY)
    reader.drop(0)
    assert reader.weight[0] == pytest.approx([0, 11 / 4], rel=ROUGHLY)
    assert reader.losses()[1] == pytest.approx((121 / 4) / energy, rel=ROUGHLY)


def test_all_columns_of_a_unit_fall_together_and_those_of_nobody_stay() -> None:
    """Unit 1 has two columns that are the same: together they bring (2 + 1)^2 * 2."""
    moments = np.diag([7.0, 1.0, 0.0, 0.0]) + 2 * np.pad(np.ones((2, 2)), [(2, 0), (2, 0)])
    unit = np.array([NOBODY, 0, 1, 1])
    reader = Reader(np.float32([[1, 3, 2, 1]]), moments, unit, 2)
    energy = 7 + 9 + 18
    assert reader.losses() == pytest.approx([9 / energy, 18 / energy], rel=ROUGHLY)
    reader.drop(1)
    assert reader.weight[0][:4] == pytest.approx([1, 3, 0, 0])


def test_units_of_one_and_of_three_columns_take_none_of_others() -> None:
    unit = np.array([0, 1, 1, 1, NOBODY])
    reader = Reader(np.float32([[3, 1, 2, 1, 1]]), np.diag([1.0, 1, 2, 3, 7]), unit, 2)
    # energies: 9; 1 + 8 + 3; 7 of nobody
    assert reader.losses() == pytest.approx([9 / 28, 12 / 28], rel=ROUGHLY)
    assert len(reader.weight) == 1


def test_damping_is_a_thousandth_of_the_mean_diagonal_and_makes_a_loss_larger() -> None:
    reader = Reader(np.float32([[3, 1], [0, 2]]), np.diag([2.0, 5.0]), np.arange(2), 2)
    assert reader.losses() == pytest.approx([9 * 2.0035 / 43, 5 * 5.0035 / 43])


def test_losses_of_several_readers_add_up_each_relative_to_its_own() -> None:
    loud = Reader(np.float32([[30, 10]]), np.eye(2), np.arange(2), 2)
    quiet = Reader(np.float32([[1, 2]]), np.eye(2), np.array([1, 0]), 2)
    first, second = 900 / 1000 + 4 / 5, 100 / 1000 + 1 / 5
    lost = loud.losses() + quiet.losses()
    assert lost == pytest.approx([first, second], rel=ROUGHLY)
    added = added_losses([loud, quiet], 2)
    assert added[1] == pytest.approx(second, rel=ROUGHLY)
    assert added[0] > added[1]


def test_a_unit_never_adds_less_than_one_that_went_before_it() -> None:
    """W x = x0 + x1 - 2 x2 where x2 is all but x0: the pair goes for little, one at a time
    each for much more than what is left of the other."""
    moments = np.array([[1.0, 0, 0.99], [0, 0.2, 0], [0.99, 0, 1.0]])
    reader = Reader(np.float32([[2, 1, -2]]), moments, np.arange(3), 3)
    added = added_losses([reader], 3)
    order = np.argsort(added, kind="stable")
    assert np.all(np.diff(added[order]) >= 0)
    assert added.min() > 0


def test_how_loud_a_layer_is_does_not_count() -> None:
    loud = Reader(np.float32([[30, 10]]), np.eye(2), np.arange(2), 2)
    quiet = Reader(np.float32([[0.03, 0.01]]), np.eye(2), np.arange(2), 2)
    assert loud.losses() == pytest.approx(quiet.losses())
    assert quiet.losses() == pytest.approx([0.9, 0.1], rel=ROUGHLY)


def test_a_layer_that_says_nothing_loses_nothing() -> None:
    silent = Reader(np.zeros((1, 2), np.float32), np.eye(2), np.arange(2), 2)
    dead = Reader(np.float32([[3, 4]]), np.zeros((2, 2)), np.arange(2), 2)
    assert silent.losses().tolist() == dead.losses().tolist() == [0, 0]
