"""Distances of filters by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from worker.engine.prune.channels.geometric_median import distances
from worker.engine.prune.coupling import Group, Member

THREE = np.arange(3)


def test_a_filter_scores_the_sum_of_its_distances_to_the_others() -> None:
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    first.weight.data = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, -12.0]])
    second.weight.data = torch.full((1, 3), 99.0)  # what reads them does not count
    module = nn.Sequential(first, second)
    group = Group(3, (Member("0", "out", THREE), Member("1", "in", THREE)))
    far = (3**2 + 16**2) ** 0.5
    (found,) = distances(module, [group])
    assert found.tolist() == pytest.approx([5 + 12, 5 + far, 12 + far])


def test_coupled_layers_make_one_filter_and_missing_positions_are_zeros() -> None:
    first, second = nn.Linear(1, 2), nn.Conv1d(1, 3, 2)
    first.weight.data = torch.tensor([[3.0], [0.0]])
    second.weight.data = torch.tensor([[[0.0, 4.0]], [[1.0, 1.0]], [[2.0, 0.0]]])
    module = nn.ModuleList([first, second])
    # unit 0: 3 | 1 1 | 2 0, unit 1: 0 | 0 4 | 0 0
    group = Group(
        2, (Member("0", "out", np.arange(2)), Member("1", "out", np.array([1, 0, 0])))
    )
    (found,) = distances(module, [group])
    assert found.tolist() == pytest.approx([(9 + 1 + 9 + 4) ** 0.5] * 2)


def test_filters_of_depthwise_convolutions_count_and_norms_do_not() -> None:
    depthwise, norm = nn.Conv1d(2, 2, 1, groups=2), nn.BatchNorm1d(2)
    depthwise.weight.data = torch.tensor([[[5.0]], [[-2.0]]])
    norm.weight.data = torch.tensor([100.0, 0.0])
    module = nn.ModuleList([depthwise, norm])
    two = np.arange(2)
    group = Group(2, (Member("0", "through", two), Member("1", "through", two)))
    assert distances(module, [group])[0].tolist() == [7.0, 7.0]
