"""One rank for every layer, so that the whole model costs no more than it may.

Of the sum of lost energies, each relative to its own layer, the least is wanted for what is
saved. A layer's offers that are worth it lie on the lower convex hull of (cost, loss), from
the layer as it is (loss 0) on; along it each further saving is dearer. So the steps of all
hulls are taken in the order of loss per saving until the budget holds, which is best among all
hull points that cost as little; then the layer of the last step takes its least loss that fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Offers:
    """What one layer may become: `costs` (n,), all below `full`, and `losses` (n,)."""

    full: int
    costs: Ints
    losses: Doubles


@dataclass(frozen=True, slots=True)
class Step:
    """From one point of a layer's hull to the next: `slope` is loss per saving."""

    slope: float
    layer: int
    place: int
    offer: int


def allocate(offers: Sequence[Offers], saving: float) -> list[int | None]:
    """An offer's index for each layer, None for a layer that stays, so that at least `saving`
    (above 0) is saved. Raises ValueError where the cheapest offers together save less."""
    chosen: list[int | None] = [None] * len(offers)
    saved, last = 0.0, 0
    for step in steps_by_slope(offers):
        if saved >= saving:
            break
        saved -= _saved(offers[step.layer], chosen[step.layer])
        chosen[step.layer] = step.offer
        saved += _saved(offers[step.layer], step.offer)
        last = step.layer
    if saved < saving:
        raise ValueError(f"the offers save {saved:g} and not {saving:g}")
    mine = offers[last]
    most = mine.full - (saving - (saved - _saved(mine, chosen[last])))
    fits = np.flatnonzero(mine.costs <= most)
    chosen[last] = int(fits[np.lexsort((mine.costs[fits], mine.losses[fits]))[0]])
    return chosen


def steps_by_slope(offers: Sequence[Offers]) -> list[Step]:
    """The steps of all hulls, the least loss per saving first."""
    hulls = [hull(each) for each in offers]
    return sorted(
        (step for layer, each in enumerate(hulls) for step in _steps(layer, offers, each)),
        key=lambda step: (step.slope, step.layer, step.place),
    )


def hull(offers: Offers) -> list[int]:
    """Indices of the offers on the lower convex hull, dearest first, from (full, 0) on."""
    order = np.lexsort((offers.losses, offers.costs))
    losses = offers.losses[order]
    best_before = np.minimum.accumulate(np.concatenate(([np.inf], losses[:-1])))
    front = order[losses < best_before][::-1]  # each costs less than the one before it
    corners: list[tuple[float, float]] = [(float(offers.full), 0.0)]
    kept: list[int] = []
    for offer in front:
        point = (float(offers.costs[offer]), float(offers.losses[offer]))
        while kept and _slope(corners[-2], corners[-1]) >= _slope(corners[-1], point):
            corners.pop()
            kept.pop()
        corners.append(point)
        kept.append(int(offer))
    return kept


def _steps(layer: int, offers: Sequence[Offers], corners: Sequence[int]) -> list[Step]:
    mine = offers[layer]
    points = [(float(mine.full), 0.0)]
    points += [(float(mine.costs[k]), float(mine.losses[k])) for k in corners]
    return [
        Step(_slope(points[place], points[place + 1]), layer, place, offer)
        for place, offer in enumerate(corners)
    ]


def _slope(dear: tuple[float, float], cheap: tuple[float, float]) -> float:
    return (cheap[1] - dear[1]) / (dear[0] - cheap[0])


def _saved(offers: Offers, offer: int | None) -> float:
    return 0.0 if offer is None else float(offers.full - offers.costs[offer])
