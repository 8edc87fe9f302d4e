"""One axis of a plot: values to pixels, with round ticks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis, in pixels."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps [low, high] linearly to [start, end] in pixels; `end` may lie before `start`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of `value`, to a tenth; values outside are put on the edge."""
        return round(self.start + self.share(value) * (self.end - self.start), 1)

    def share(self, value: float) -> float:
        """How far along the range `value` lies, 0 to 1."""
        inside = min(max(value, self.low), self.high)
        return (inside - self.low) / (self.high - self.low)

    def ticks(self, count: int = 5, *, whole: bool = False) -> list[Tick]:
        """About `count` ticks at 1, 2, 2.5 or 5 times a power of ten, within the range; only
        at whole numbers where `whole`."""
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        steps = (power * s for s in STEPS if not whole or power * s == int(power * s))
        step = next(s for s in (*steps, 1.0) if s >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [Tick(self.at(k * step), _label(k * step, step)) for k in range(first, last + 1)]


def spanning(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    margin: float = 0.06,
    least: float = 0.0,
    most: float = math.inf,
) -> Axis:
    """An axis around `values` with `margin` of their span free on both sides; a single
    value gets a tenth of itself (1 for zero) around it. A span below `least` is widened to
    that, so that what hardly differs looks so; the axis ends at `most`, which no value
    exceeds."""
    found = list(values)
    low, high = min(found), max(found)
    short = max(0.0, least - (high - low))
    low, high = low - short / 2, high + short / 2
    room = (high - low) * margin or abs(low) * 0.1 or 1.0
    beyond = max(0.0, high + room - most)
    return Axis(low - room - min(short, beyond), high + room - beyond, start, end)


def _label(value: float, step: float) -> str:
    """As many decimals as the step needs: 0.25 steps give 0.50, not 0.5."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step, decimals) != round(step, 12):
        decimals += 1
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
