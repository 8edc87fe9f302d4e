"""How two sets of timings are spread, over one axis: bars upwards for each file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.report.axis import Axis, Tick

WIDTH, HEIGHT = 360.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 10.0, 350.0, 12.0, 160.0
BINS = 44
TAIL = 99.0  # the axis ends at this percentile, and at thrice the larger median at the
TAIL_MEDIANS = 3.0  # latest: a few slow runs must not squeeze all others


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Spread:
    """The bars of one file and the pixel of its median."""

    name: str
    bars: list[Bar]
    median_at: float
    median: float


@dataclass(frozen=True, slots=True)
class Histogram:
    """Both files; `beyond` counts the samples right of the axis."""

    batch_size: int | None
    baseline: Spread
    candidate: Spread
    ticks: list[Tick]
    beyond: int
    contended: bool


def histogram(
    baseline: tuple[float, ...],
    candidate: tuple[float, ...],
    *,
    batch_size: int | None,
    contended: bool,
) -> Histogram:
    """Bars of the raw samples (milliseconds) of both files; heights share one scale."""
    both = np.array([*baseline, *candidate])
    end = max(
        min(float(np.percentile(part, TAIL)), TAIL_MEDIANS * float(np.median(part)))
        for part in (baseline, candidate)
    )
    room = max(end - both.min(), end * 0.02) * 0.05
    axis = Axis(max(0.0, float(both.min()) - room), end + room, LEFT, RIGHT)
    edges = np.linspace(axis.low, axis.high, BINS + 1)
    before, after = (np.histogram(part, edges)[0] for part in (baseline, candidate))
    tallest = max(int(before.max()), int(after.max()))
    beyond = int((both > axis.high).sum())
    return Histogram(
        batch_size,
        _spread("baseline", before, tallest, baseline, axis),
        _spread("candidate", after, tallest, candidate, axis),
        axis.ticks(),
        beyond,
        contended,
    )


def _spread(
    name: str, counts: NDArray[np.intp], tallest: int, samples: tuple[float, ...], axis: Axis
) -> Spread:
    median = float(np.median(samples))
    return Spread(name, _bars(counts, tallest), axis.at(median), median)


def _bars(counts: NDArray[np.intp], tallest: int) -> list[Bar]:
    width = (RIGHT - LEFT) / BINS
    bars = []
    for place, count in enumerate(counts):
        if count:
            height = round((BOTTOM - TOP) * int(count) / tallest, 1)
            x = round(LEFT + place * width + 0.5, 1)
            bars.append(Bar(x, round(BOTTOM - height, 1), round(width - 1, 1), height))
    return bars
