"""The mask that rises, worked by hand."""

import pytest
import torch
from torch import nn

from worker.engine.prune.rising_mask import Masked, RisingMask, comparable, lowest


def mask(
    *weights: nn.Parameter,
    sparsity: float | None = 0.5,
    together: bool = False,
    threshold: float | None = None,
    every: int = 1,
) -> RisingMask:
    tensors = [Masked((weight,), threshold) for weight in weights]
    return RisingMask(tensors, sparsity, together=together, ramp=0.5, update_every=every)


def eight() -> nn.Parameter:
    return nn.Parameter(torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0, 6.0, 7.0, 8.0]))


def test_sparsity_rises_by_the_cubic_law() -> None:
    # 20 steps, n = 10: of 8 weights 0.75 (1 - (1 - t/10)^3) 8, rounded half up
    weight = eight()
    held = mask(weight, sparsity=0.75)
    zeros = []
    for step in range(12):
        held.hear(step, 20)
        held.before()
        zeros.append(int((weight == 0).sum()))
        held.after()
    law = [0.0, 1.626, 2.928, 3.942, 4.704, 5.25, 5.616, 5.838, 5.952, 5.994, 6.0, 6.0]
    assert zeros == [round(share) for share in law]


def test_it_starts_from_the_zeros_there_are() -> None:
    # s_i = 0.25, s_f = 0.75, half way s = 0.75 - 0.5 / 8 = 0.6875, of 8 weights 5.5
    weight = nn.Parameter(torch.tensor([0.0, 0, 3, 4, 5, 6, 7, 8]))
    held = mask(weight, sparsity=0.75)
    held.hear(0, 4)
    assert int(held.zeros[0].sum()) == 2
    held.hear(1, 4)
    assert int(held.zeros[0].sum()) == 6


def test_a_pruned_weight_learns_and_comes_back_until_the_mask_is_fixed() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    held = mask(weight)
    held.hear(0, 4)
    held.hear(1, 4)  # n = 2: 0.4375 of 4 is 1.75, so the first two fall
    held.before()
    assert weight.tolist() == [0, 0, 3, 4]
    weight.grad = torch.tensor([-9.0, 0.0, 0.0, 0.0])
    held.after()
    assert weight.tolist() == [1, 2, 3, 4]
    assert weight.grad.tolist() == [-9, 0, 0, 0]
    assert not held.ready
    weight.data -= weight.grad  # the first grew to 10
    held.settle()
    held.hear(2, 4)
    assert held.ready
    assert weight.tolist() == [10, 0, 0, 4]
    held.before()
    weight.grad = torch.ones(4)
    held.after()
    assert weight.grad.tolist() == [1, 0, 0, 1]
    weight.data += 1
    held.settle()
    assert weight.tolist() == [11, 0, 0, 5]


def test_between_updates_the_mask_waits_but_for_the_last_one() -> None:
    weight = eight()
    held = mask(weight, every=4)
    for step, zeros in ((0, 0), (3, 0), (4, 3), (9, 3), (10, 4), (11, 4)):  # 4 * 0.784 = 3.1
        held.hear(step, 20)
        assert int(held.zeros[0].sum()) == zeros


def test_weights_of_all_layers_are_compared_by_their_share_of_what_is_left() -> None:
    # 9/169, 16/160, 144/144 and .36/1, .64/.64: two of five fall, both in the first layer
    large = nn.Parameter(torch.tensor([-3.0, 12.0, 4.0]))
    small = nn.Parameter(torch.tensor([0.6, 0.8]))
    held = mask(large, small, sparsity=0.4, together=True)
    held.hear(3, 4)
    assert [zero.tolist() for zero in held.zeros] == [[True, False, True], [False, False]]
    found = comparable(torch.tensor([3.0, 12.0, 4.0]))
    assert torch.allclose(found, torch.tensor([9 / 169, 1, 0.1]).double())
    assert comparable(torch.zeros(2)).tolist() == [0, 0]


def test_a_threshold_rises_too_and_one_weight_stays() -> None:
    weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    held = mask(weight, sparsity=None, threshold=8.0)
    held.hear(1, 10)  # n = 5: 8 (1 - 0.8^3) = 3.904, above all
    assert held.zeros[0].tolist() == [True, True, False]
    held = mask(weight, sparsity=None, threshold=4.0)
    held.hear(1, 10)  # 4 (1 - 0.8^3) = 1.952
    assert held.zeros[0].tolist() == [True, False, False]


def test_several_parameters_of_one_tensor_share_one_bar() -> None:
    a, b = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.tensor([3.0, 4.0]))
    held = RisingMask([Masked((a, b))], 0.5, together=False, ramp=0.5, update_every=1)
    held.hear(1, 2)
    assert [zero.tolist() for zero in held.zeros] == [[True, True], [False, False]]


@pytest.mark.parametrize(("count", "falls"), [(0, []), (1, [1]), (2, [1, 2]), (3, [0, 1, 2])])
def test_of_equal_scores_the_first_fall(count: int, falls: list[int]) -> None:
    found = lowest(torch.tensor([2.0, 1.0, 1.0, 5.0]), count)
    assert found.nonzero().flatten().tolist() == falls
