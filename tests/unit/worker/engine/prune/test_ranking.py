"""The order in which units go."""

import numpy as np
import pytest

from worker.engine.prune.ranking import after, ranking

ALL = [np.ones(4, bool), np.ones(2, bool)]


def test_scores_compete_relative_to_their_groups_mean() -> None:
    # means 10 and 0.5: relative 0.1 0.7 1.2 2.0 against 0.4 1.6
    scores = [np.array([20.0, 1.0, 12.0, 7.0]), np.array([0.8, 0.2])]
    order = [(r.group, r.units.tolist()) for r in ranking(ALL, scores, 1)]
    assert order == [(0, [1]), (1, [1]), (0, [3]), (0, [2])]


def test_the_last_unit_of_a_group_is_never_offered() -> None:
    removals = ranking(ALL, [np.zeros(4), np.zeros(2)], 1)
    assert [int(kept.sum()) for kept in after(ALL, removals)] == [1, 1]


def test_counts_fall_from_multiple_to_multiple_and_the_first_step_takes_the_rest() -> None:
    kept = [np.ones(11, bool)]
    removals = ranking(kept, [np.arange(11.0)], 4)
    assert [r.units.tolist() for r in removals] == [[0, 1, 2], [3, 4, 5, 6]]
    # mean 5: the pieces score (0 + 1 + 2) / 3 / 5 and (3 + 4 + 5 + 6) / 4 / 5
    assert [r.score for r in removals] == pytest.approx([0.2, 0.9])


def test_a_group_of_at_most_round_to_channels_stays_whole() -> None:
    assert ranking([np.ones(4, bool)], [np.arange(4.0)], 4) == []
    assert ranking([np.ones(3, bool)], [np.arange(3.0)], 4) == []


def test_later_rounds_name_units_by_their_first_number() -> None:
    kept = [np.array([True, False, True, True])]
    removals = ranking(kept, [np.array([5.0, 1.0, 3.0])], 1)
    assert [r.units.tolist() for r in removals] == [[2], [3]]
    assert after(kept, removals[:1])[0].tolist() == [True, False, False, True]
    assert kept[0].tolist() == [True, False, True, True]


def test_scores_that_compare_are_taken_as_they_are() -> None:
    scores = [np.array([20.0, 1.0, 12.0, 7.0]), np.array([0.8, 0.2])]
    order = [(r.group, r.score) for r in ranking(ALL, scores, 1, comparable=True)]
    assert order == [(1, 0.2), (0, 1.0), (0, 7.0), (0, 12.0)]
