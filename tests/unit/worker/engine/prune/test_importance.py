"""Importance, worked by hand on two linear layers of three units."""

import numpy as np
import pytest
import torch
from torch import nn

from worker.engine.prune.coupling import Group, Member, narrowed
from worker.engine.prune.importance import FromLoss, hessian, lamp, magnitude, scales, taylor

FIRST = [[3.0, -4.0], [0.0, 1.0], [-2.0, 2.0]]  # (3 units, 2 inputs)
SECOND = [[12.0, -5.0, 1.0]]  # (1 output, 3 units)
THREE = np.arange(3)


@pytest.fixture
def module() -> nn.Sequential:
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    first.weight.data = torch.tensor(FIRST)
    first.bias.data = torch.tensor([100.0, 200.0, 300.0])  # biases do not count
    second.weight.data = torch.tensor(SECOND)
    second.bias.data = torch.tensor([7.0])
    return nn.Sequential(first, second)


@pytest.fixture
def group() -> Group:
    return Group(3, (Member("0", "out", THREE), Member("1", "in", THREE)))


def test_l1_adds_rows_and_columns_of_a_unit(module: nn.Sequential, group: Group) -> None:
    (scores,) = magnitude(module, [group], 1)
    assert scores.tolist() == [3 + 4 + 12, 0 + 1 + 5, 2 + 2 + 1]


def test_l2_is_the_root_over_the_whole_group(module: nn.Sequential, group: Group) -> None:
    (scores,) = magnitude(module, [group], 2)
    assert scores.tolist() == pytest.approx([13.0, 26**0.5, 3.0])


def test_taylor_is_weight_times_gradient_of_the_loss(
    module: nn.Sequential, group: Group
) -> None:
    # x = (1, 2): dy/dW1[u, i] = W2[u] x_i, dy/dW2[u] = h_u = W1[u] x + b_u
    added = FromLoss(module, [group], taylor)
    added.add(module(torch.tensor([[1.0, 2.0]])).sum())
    hidden = [3 - 8 + 100, 2 + 200, -2 + 4 + 300]
    by_hand = [
        abs(3 * 12 * 1) + abs(4 * 12 * 2) + abs(12 * hidden[0]),
        abs(1 * 5 * 2) + abs(5 * hidden[1]),
        abs(2 * 1 * 1) + abs(2 * 1 * 2) + abs(1 * hidden[2]),
    ]
    assert added.scores()[0].tolist() == pytest.approx(by_hand)


def test_taylor_takes_the_mean_of_batches_and_opposite_gradients_do_not_cancel(
    module: nn.Sequential, group: Group
) -> None:
    one, two = FromLoss(module, [group], taylor), FromLoss(module, [group], taylor)
    output = module(torch.tensor([[1.0, 2.0]])).sum()
    one.add(output)
    two.add(module(torch.tensor([[1.0, 2.0]])).sum())
    two.add(-module(torch.tensor([[1.0, 2.0]])).sum())
    assert two.scores()[0].tolist() == pytest.approx(one.scores()[0].tolist())


def test_flattened_positions_count_for_the_unit_they_come_from(module: nn.Sequential) -> None:
    # Two units, flattened by a stride of 3 over 2 inputs and 1 position that is not theirs
    group = Group(2, (Member("1", "in", np.array([1, 0, -1])),))
    (scores,) = magnitude(module, [group], 1)
    assert scores.tolist() == [5.0, 12.0]


def test_after_a_cut_units_are_counted_anew(group: Group) -> None:
    (left,) = narrowed([group], [np.array([True, False, True])])
    assert left.units == 2
    assert [member.unit.tolist() for member in left.members] == [[0, 1], [0, 1]]


def test_a_norms_scale_counts_and_its_shift_does_not() -> None:
    norm = nn.BatchNorm1d(3)
    norm.weight.data, norm.bias.data = torch.tensor([2.0, -5.0, 1.0]), torch.full((3,), 99.0)
    (scores,) = magnitude(norm, [Group(3, (Member("", "through", THREE),))], 1)
    assert scores.tolist() == [2.0, 5.0, 1.0]


def test_lamp_is_the_share_in_the_energy_of_units_no_smaller(
    module: nn.Sequential, group: Group
) -> None:
    # energies 169, 26, 9: the smallest of all 204, the next of 195, the largest of its own
    assert lamp(module, [group])[0].tolist() == pytest.approx([1.0, 26 / 195, 9 / 204])


def test_hessian_is_half_the_square_and_does_not_cancel_over_examples(
    module: nn.Sequential, group: Group
) -> None:
    # per example of x = (1, 0): dy/dW1[u, 0] = W2[u], dy/dW2[u] = W1[u, 0] + b_u
    found = FromLoss(module, [group], hessian)
    for sign in (1, -3):
        found.add(sign * module(torch.tensor([[1.0, 0.0]])).sum())
    hidden = [3 + 100, 0 + 200, -2 + 300]
    squares = [(3 * 12) ** 2 + (12 * hidden[0]) ** 2, (5 * hidden[1]) ** 2]
    squares.append(2**2 + hidden[2] ** 2)
    assert found.scores()[0].tolist() == pytest.approx([5 * s / 2 for s in squares])


def test_scales_are_the_mean_over_the_norms_of_a_unit() -> None:
    one, other = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    one.weight.data, other.weight.data = torch.tensor([2.0, -5.0, 1.0]), torch.tensor([4.0] * 3)
    conv = nn.Conv1d(1, 3, 1)
    module = nn.ModuleList([one, other, conv])
    back = np.array([2, 1, -1])
    members = (Member("0", "through", THREE), Member("1", "through", back))
    group = Group(3, (*members, Member("2", "out", THREE)))
    assert scales(module, [group])[0].tolist() == [2.0, (5 + 4) / 2, (1 + 4) / 2]
