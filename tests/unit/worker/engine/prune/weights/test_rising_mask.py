"""The mask that rises, worked by hand."""

import pytest
import torch
from torch import nn

from worker.engine.prune.lamp import comparable
from worker.engine.prune.weights.rising_mask import Blocks, Masked, RisingMask, lowest, regrown


def mask(
    *weights: nn.Parameter,
    sparsity: float | None = 0.5,
    together: bool = False,
    threshold: float | None = None,
    sparse: bool = False,
    every: int = 1,
) -> RisingMask:
    tensors = [Masked((weight,), threshold, sparse) for weight in weights]
    return RisingMask(tensors, sparsity, together=together, ramp=0.5, update_every=every)


def eight() -> nn.Parameter:
    return nn.Parameter(torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0, 6.0, 7.0, 8.0]))


def zeros(weight: nn.Parameter) -> list[int]:
    return (weight == 0).nonzero().flatten().tolist()


def test_sparsity_rises_by_the_cubic_law() -> None:
    # 20 steps, n = 10: of 8 weights 0.75 (1 - (1 - t/10)^3) 8, rounded half up
    weight = eight()
    held = mask(weight, sparsity=0.75)
    found = []
    for step in range(12):
        held.hear(step, 20)
        found.append(len(zeros(weight)))
    law = [0.0, 1.626, 2.928, 3.942, 4.704, 5.25, 5.616, 5.838, 5.952, 5.994, 6.0, 6.0]
    assert found == [round(share) for share in law]


def test_it_starts_from_the_zeros_there_are() -> None:
    # s_i = 0.25, s_f = 0.75, half way s = 0.75 - 0.5 / 8 = 0.6875, of 8 weights 5.5
    weight = nn.Parameter(torch.tensor([0.0, 0, 3, 4, 5, 6, 7, 8]))
    held = mask(weight, sparsity=0.75)
    held.hear(0, 4)
    assert len(zeros(weight)) == 2
    held.hear(1, 4)
    assert len(zeros(weight)) == 6


def test_a_zero_on_which_the_loss_leans_takes_the_smallest_weight_s_place() -> None:
    # n = 20, t = 4: of the 6 weights 0.3 (1 + cos(0.2 pi)) / 2 6 = 1.63, so one gives up
    weight = nn.Parameter(torch.tensor([0.0, 0.0, 3.0, -4.0, 5.0, 6.0, 7.0, 8.0]))
    held = mask(weight, sparsity=0.25, every=4)  # there are two zeros of 8 already
    for step in range(4):
        held.hear(step, 40)
    weight.grad = torch.tensor([2.0, -3.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0])
    held.after()
    assert weight.grad.tolist() == [0, 0, 9, 9, 9, 9, 9, 9]
    weight.data += 1
    held.settle()
    assert weight.tolist() == [0, 0, 4, -3, 6, 7, 8, 9]
    held.hear(4, 40)  # the smallest is now -3, and -3.0 was the steepest slope of a zero
    assert zeros(weight) == [0, 1, 3]
    weight.grad = torch.ones(8)
    held.after()
    assert weight.grad.tolist() == [0, 1, 1, 0, 1, 1, 1, 1]


def test_once_fixed_the_mask_stays() -> None:
    weight = eight()
    held = mask(weight)
    for step in range(3):
        assert not held.ready
        held.hear(step, 4)
    assert held.ready
    assert zeros(weight) == [0, 1, 2, 3]
    weight.grad = torch.full((8,), 9.0)
    held.after()
    weight.data += 9
    held.settle()
    held.hear(3, 4)
    assert zeros(weight) == [0, 1, 2, 3]


def test_between_updates_the_mask_waits_but_for_the_last_one() -> None:
    weight = eight()
    held = mask(weight, every=4)
    for step, count in ((0, 0), (3, 0), (4, 3), (9, 3), (10, 4), (11, 4)):  # 4 * 0.784 = 3.1
        held.hear(step, 20)
        assert len(zeros(weight)) == count


def test_zeros_of_an_earlier_mask_do_not_come_back() -> None:
    for sparse in (False, True):
        weight = nn.Parameter(torch.tensor([0.0, 0, 3, 4, 5, 6, 7, 8]))
        held = mask(weight, sparsity=0.25, sparse=sparse, every=2)
        held.hear(1, 40)
        weight.grad = torch.arange(8.0)
        held.after()
        held.hear(2, 40)
        assert zeros(weight) == ([0, 1] if sparse else [0, 1, 2])
        assert held.zeros[0].nonzero().flatten().tolist() == ([0, 1] if sparse else [0, 2])


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
    # n = 5: at 1 the way is 1 - 0.8^3 = 0.488, so 8 has risen to 3.904 and 4 to 1.952
    for threshold, fallen in ((8.0, [0, 1]), (4.0, [0])):
        weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
        mask(weight, sparsity=None, threshold=threshold).hear(1, 10)
        assert zeros(weight) == fallen


def test_several_parameters_of_one_tensor_share_one_bar() -> None:
    a, b = nn.Parameter(torch.tensor([1.0, 2.0])), nn.Parameter(torch.tensor([3.0, 4.0]))
    held = RisingMask([Masked((a, b))], 0.5, together=False, ramp=0.5, update_every=1)
    held.hear(1, 2)
    assert (a.tolist(), b.tolist()) == ([0, 0], [3, 4])


def test_places_change_hands_one_for_one() -> None:
    sizes = torch.tensor([0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    zero = sizes == 0
    slopes = torch.tensor([5.0, -1.0, 7.0, 9.0, 9.0, 9.0, 9.0])
    for share, found in (
        (0.25, [0, 1, 3]),
        (0.5, [1, 3, 4]),
        (1.0, [1, 3, 4]),
        (0.0, [0, 1, 2]),
    ):
        assert regrown(sizes, zero, slopes, share).nonzero().flatten().tolist() == found


@pytest.mark.parametrize(("count", "falls"), [(0, []), (1, [1]), (2, [1, 2]), (3, [0, 1, 2])])
def test_of_equal_scores_the_first_fall(count: int, falls: list[int]) -> None:
    found = lowest(torch.tensor([2.0, 1.0, 1.0, 5.0]), count)
    assert found.nonzero().flatten().tolist() == falls


def test_of_equal_scores_only_as_many_fall_as_are_missing() -> None:
    found = lowest(torch.tensor([2.0, 1.0, 2.0, 2.0]), 2)
    assert found.nonzero().flatten().tolist() == [0, 1]


@pytest.mark.parametrize(("step", "steps"), [(0, 1), (7, 8)])
def test_the_mask_is_whole_at_the_end_however_few_steps_there_were(
    step: int, steps: int
) -> None:
    weight = eight()
    held = mask(weight)
    held.hear(step, steps)
    assert held.ready
    assert zeros(weight) == [0, 1, 2, 3]


def test_a_ramp_of_no_step_is_one_of_one() -> None:
    held = RisingMask([Masked((eight(),))], 0.5, together=False, ramp=0.1, update_every=9)
    held.hear(0, 4)
    assert not held.ready
    held.hear(1, 4)
    assert held.ready


def test_slopes_are_asked_for_before_each_choice_but_the_last() -> None:
    weight = eight()
    held = mask(weight, every=4)
    asked = []
    for step in range(24):
        held.hear(step, 40)  # the last choice is that of step 20
        weight.grad = torch.ones(8)
        held.after()
        assert len(held.slopes) == held.asked
        asked += [step] * held.asked
    assert asked == [3, 7, 11, 15]


def test_weights_give_up_their_places_by_a_cosine() -> None:
    # 0.3 (1 + cos(0.2 pi)) / 2 10 = 2.71
    weight = nn.Parameter(torch.arange(-1.0, 11.0).relu())
    held = mask(weight, sparsity=2 / 12)
    held.slopes = [torch.ones(12)]
    held.choose(0.2)
    assert held.zeros[0].nonzero().flatten().tolist() == [2, 3]


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_a_zero_comes_back_even_if_the_loss_hardly_leans_on_it(slope: float) -> None:
    sizes = torch.tensor([0.0, 1.0, 2.0])
    found = regrown(sizes, sizes == 0, torch.full((3,), slope), 0.5)
    assert found.tolist() == [False, True, False]


def test_weights_on_the_threshold_stay_and_without_one_all_do() -> None:
    for threshold, fallen in ((2.0, [0]), (None, [])):
        weight = nn.Parameter(torch.tensor([0.5, -2.0, 3.0]))
        mask(weight, sparsity=None, threshold=threshold).choose(1.0)
        assert zeros(weight) == fallen


@pytest.mark.parametrize("count", [1, 4])
def test_a_tensor_of_zeros_stays_one(count: int) -> None:
    held = mask(nn.Parameter(torch.zeros(count)))
    assert held.first == [1]
    held.choose(1.0)
    assert held.zeros[0].all()


def test_a_mask_goes_on_where_it_was_stored() -> None:
    assert not Masked((eight(),)).sparse
    for asked in (True, False):
        weight, other = eight(), eight()
        stored, held = mask(weight), mask(other)
        stored.hear(0, 40)
        stored.choose(0.5)
        stored.asked = asked
        weight.grad = torch.arange(8.0)
        stored.after()
        held.restore(stored.state())
        assert held.zeros[0].tolist() == [True] * 4 + [False] * 4
        assert [slope.tolist() for slope in held.slopes] == [list(range(8))] * asked
        assert (held.asked, held.ready) == (asked, False)


def test_of_every_block_more_fall_as_time_goes_and_none_come_back() -> None:
    weight = nn.Parameter(torch.tensor([[4.0, 1, 3, 2], [8, 7, 5, 6]]))
    places = torch.arange(8).reshape(2, 4)
    masked = Masked((weight,), blocks=Blocks(places, 1))
    mask = RisingMask([masked], None, together=False, ramp=0.5, update_every=1)
    mask.choose(0.0)
    assert not mask.zeros[0].any()
    mask.slopes = [torch.full((8,), 9.0)]  # outside a pattern 0.271 of six would come back
    mask.choose(0.2)  # 1 - 0.8^3 = 0.488 of three: 1.46
    assert weight.tolist() == [[4, 0, 3, 2], [8, 7, 0, 6]]
    mask.choose(0.5)  # 0.875 of three: 2.6
    assert weight.tolist() == [[4, 0, 0, 0], [8, 0, 0, 0]]
    mask.choose(1.0)
    assert weight.tolist() == [[4, 0, 0, 0], [8, 0, 0, 0]]
