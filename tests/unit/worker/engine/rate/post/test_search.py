"""The search on nets whose size and loss are formulas."""

import math

import pytest

from lathe.techniques.rate import RateTarget
from worker.engine.rate.post.coded_net import CodedNet
from worker.engine.rate.post.search import MOST_SWEEPS, Attempt, search

WEIGHTS = 8000


class Formula:
    """Size 1000 bytes less for each doubling twice of the distortion, as many as 8000 weights
    lose at a bit each; a loss of a tenth of the distortion."""

    def __init__(self, *, judged: bool = True) -> None:
        self.asked: list[float] = []
        self.judged = judged

    def __call__(self, distortion: float) -> Attempt:
        self.asked.append(distortion)
        size = 200 + max(3000 - 1000 * math.log(distortion / 0.03, 4), 100)
        return Attempt(distortion, CodedNet({}), size, distortion / 10 if self.judged else None)


def found(target: RateTarget, start: float = 0.03) -> tuple[Attempt, int]:
    formula = Formula()
    tried = search(target, start, WEIGHTS, formula, judged=True)
    assert len(tried) == len(formula.asked) <= MOST_SWEEPS
    return tried[0], len(tried)


@pytest.mark.parametrize("size", [1500, 2400, 5200])
def test_a_size_is_met_closely_in_few_tries(size: int) -> None:
    best, tries = found(RateTarget(max_bytes=size))
    assert 0.97 * size <= best.size_bytes <= size
    assert tries <= 3


@pytest.mark.parametrize("drop", [0.0004, 0.003, 0.08])
def test_of_nets_that_hold_a_loss_the_smallest_is_kept(drop: float) -> None:
    best, _ = found(RateTarget(max_drop=drop))
    assert best.drop is not None
    assert drop / 1.5 <= best.drop <= drop


def test_a_size_that_no_net_has_gives_the_smallest() -> None:
    target = RateTarget(max_bytes=250)
    best, _ = found(target)
    assert best.size_bytes == 300
    assert not best.meets(target)


def test_a_loss_that_no_net_holds_gives_the_least() -> None:
    target = RateTarget(max_drop=0.0)
    best, tries = found(target)
    assert tries == MOST_SWEEPS
    assert best.distortion == pytest.approx(0.03 / 4 ** (MOST_SWEEPS - 1))
    assert not best.meets(target)


def test_both_limits_are_weighed_where_they_cannot_hold_together() -> None:
    target = RateTarget(max_drop=0.003, max_bytes=3300)
    best, _ = found(target)
    assert best.meets(target)
    strict = RateTarget(max_drop=0.003, max_bytes=1000)
    best, _ = found(strict)
    assert not best.meets(strict)


def test_without_a_judge_a_size_is_still_met() -> None:
    formula = Formula(judged=False)
    target = RateTarget(max_drop=0.003, max_bytes=2400)
    best = search(target, 0.03, WEIGHTS, formula, judged=False)[0]
    assert 0.97 * 2400 <= best.size_bytes <= 2400
