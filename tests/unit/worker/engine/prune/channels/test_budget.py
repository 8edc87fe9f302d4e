"""What is left of a cost when channels go."""

import numpy as np
import torch
from torch import nn

from lathe.facts import LayerSpec
from worker.engine.prune.channels.budget import (
    Costs,
    Term,
    mac_costs,
    parameter_costs,
    shortest,
)
from worker.engine.prune.coupling import Group, Member
from worker.engine.prune.ranking import ranking

HIDDEN = Group(5, (Member("0", "out", np.arange(5)), Member("1", "in", np.arange(5))))
MODULE = nn.Sequential(nn.Linear(7, 5), nn.Linear(5, 3))
KEPT = [np.array([True, False, True, False, False])]


def test_macs_of_a_layer_shrink_with_both_its_sides() -> None:
    layers = [
        LayerSpec(id="a", operator="Gemm", weight_shape=(5, 7), parameters=40, macs=35),
        LayerSpec(id="b", operator="Gemm", weight_shape=(3, 5), parameters=18, macs=15),
    ]
    costs = mac_costs(60, layers, {"a": "0", "b": "1"}, MODULE)  # 10 elsewhere
    assert costs.left([HIDDEN], KEPT) == 10 + 7 * 2 + 2 * 3


def test_parameters_count_weights_and_biases() -> None:
    costs = parameter_costs(35 + 5 + 15 + 3, [HIDDEN], MODULE)
    assert costs.left([HIDDEN], KEPT) == 7 * 2 + 2 + 2 * 3 + 3


def test_a_weight_cut_on_both_sides_is_multiplied_not_added() -> None:
    costs = Costs(100, (Term(60, (("m", "out"), ("m", "in"))),))
    groups = [
        Group(5, (Member("m", "out", np.arange(5)),)),
        Group(4, (Member("m", "in", np.repeat(np.arange(4), 3)),)),
    ]
    kept = [KEPT[0], np.array([True, True, True, False])]
    assert costs.left(groups, kept) == 40 + 60 * 2 * 9 // (5 * 12)


def test_a_shared_tensor_counts_once() -> None:
    first, second = nn.LayerNorm(4), nn.LayerNorm(4)
    second.weight, second.bias = first.weight, first.bias
    both = Group(
        4, (Member("0", "through", np.arange(4)), Member("1", "through", np.arange(4)))
    )
    costs = parameter_costs(8, [both], nn.Sequential(first, second))
    assert costs.left([both], [np.array([True, False, False, False])]) == 2


def test_running_statistics_are_no_parameters() -> None:
    norm = nn.BatchNorm1d(4)
    group = Group(4, (Member("0", "through", np.arange(4)),))
    costs = parameter_costs(8, [group], nn.Sequential(norm))
    assert costs.left([group], [np.array([True, True, True, False])]) == 6


def test_no_more_goes_than_the_budget_asks_for() -> None:
    costs = parameter_costs(58, [HIDDEN], MODULE)  # a unit is 7 + 1 + 3 = 11 of 58
    everything = [HIDDEN.everything()]
    removals = ranking(everything, [np.array([4.0, 2.0, 5.0, 1.0, 3.0])], 1)
    for most, left in ((58, 5), (57, 4), (47, 4), (46, 3), (36, 3), (14, 1)):
        (kept,) = shortest(costs, [HIDDEN], everything, removals, most)
        assert int(kept.sum()) == left
    (kept,) = shortest(costs, [HIDDEN], everything, removals, 36)
    assert torch.from_numpy(kept).tolist() == [True, False, True, False, True]
