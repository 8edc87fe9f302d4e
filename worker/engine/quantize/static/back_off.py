"""Layers that cost most go back to floats until the judge is content.

    g_l = D(all integers) - D(all but layer l)

D is the divergence of the answers from the float net's (`sensitivity.divergence`). The layers
with the largest g_l go back first; how many must is found by halves, on the judge's own loss,
which is taken to fall with each that goes back.
"""

from dataclasses import dataclass

from lathe.errors import BudgetUnreachable
from worker.engine.context import Report
from worker.engine.judge import Judge
from worker.engine.pace import Pace
from worker.engine.quantize.static.net import Lowered, StaticNet
from worker.engine.sensitivity.trials import Loss


@dataclass(frozen=True, slots=True)
class BackedOff:
    """The net with the layers `left` in floats, and what the judge says it loses."""

    lowered: Lowered
    left: tuple[str, ...]
    drop: float


def back_off(
    net: StaticNet, judged_by: Judge, loss: Loss, max_drop: float, progress: Report
) -> BackedOff:
    """With as few layers in floats as the order allows.

    Raises BudgetUnreachable where even one layer on integers loses more than `max_drop`.
    """
    best = _judged(net, judged_by, ())
    if best.drop <= max_drop:
        return best
    order = _order(net, best.lowered, loss, progress)
    low, high, least = 0, len(order), best.drop  # low loses too much, high none is on integers
    found: BackedOff | None = None
    while high - low > 1:
        middle = (low + high) // 2
        tried = _judged(net, judged_by, order[:middle])
        least = min(least, tried.drop)
        if tried.drop <= max_drop:
            found, high = tried, middle
        else:
            low = middle
    if found is None:
        raise BudgetUnreachable(
            f"the least that any of the nets tried loses is {least:.5f}, more than "
            f"{max_drop:g}; all layers would stay floats",
            param="back_off",
        )
    return found


def _judged(net: StaticNet, judged_by: Judge, left: tuple[str, ...]) -> BackedOff:
    lowered = net.lowered(left)
    return BackedOff(lowered, left, judged_by.drop(lowered.model))


def _order(net: StaticNet, whole: Lowered, loss: Loss, progress: Report) -> tuple[str, ...]:
    """Layers on integers, the one that costs most first."""
    pace = Pace(progress, len(whole.grids), "layers")
    without: dict[str, float] = {}
    for layer in whole.grids:
        without[layer] = loss(net.lowered((layer,)).model)
        pace.add(1)
    return tuple(sorted(without, key=without.__getitem__))
