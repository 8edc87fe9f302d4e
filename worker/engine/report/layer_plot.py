"""Every layer at a glance: its bytes before and after over its SQNR, in the order they compute.

Bytes are on a logarithmic axis, where the same factor is the same distance for a small layer
as for a large one: they are drawn as dots, for a bar would need a zero.
"""

import math
from dataclasses import dataclass

from lathe.report import LayerReport
from worker.engine.report.axis import Axis, Tick
from worker.engine.report.rows import GOOD_SQNR_DB
from worker.engine.run import figures

LEFT, PITCH, NARROWEST, WIDEST = 56.0, 44.0, 260.0, 880.0  # pixels; of one layer, of all
BYTES_TOP, BYTES_BOTTOM = 14.0, 164.0
SQNR_TOP, SQNR_BOTTOM = 206.0, 306.0
FEWEST_LAYERS = 2
DOT, SMALLEST_DOT = 4.5, 1.6
TENTH_DB = 20.0
UNITS = (1, 10, 100, 1024, 10 * 1024, 100 * 1024, 1024**2, 10 * 1024**2, 100 * 1024**2, 1024**3)


@dataclass(frozen=True, slots=True)
class Mark:
    """One layer in pixels. `after` is None where the layer is gone, `sqnr` where it could not
    be compared; `text` says the numbers."""

    x: float
    before: float
    after: float | None
    sqnr: float | None
    text: str


@dataclass(frozen=True, slots=True)
class LayerPlot:
    """Dots of all layers over their axes; `radius` is that of each."""

    width: float
    height: float
    radius: float
    marks: list[Mark]
    bytes_ticks: list[Tick]
    sqnr_ticks: list[Tick]
    x_ticks: list[Tick]
    text: str


def layer_plot(layers: tuple[LayerReport, ...]) -> LayerPlot | None:
    """None for fewer than two layers that take bytes."""
    stored = [layer for layer in layers if layer.bytes_before > 0]
    if len(stored) < FEWEST_LAYERS:
        return None
    pitch = min(max(PITCH, NARROWEST / len(layers)), WIDEST / len(layers))
    sizes = _bytes_axis(stored)
    levels = [one.sqnr_db for one in layers if one.sqnr_db is not None]
    sqnr = _sqnr_axis(levels) if levels else None
    marks = [
        _mark(place, layer, LEFT + pitch * (place - 0.5), sizes, sqnr)
        for place, layer in enumerate(layers, start=1)
        if layer.bytes_before > 0
    ]
    order = Axis(0.5, len(layers) + 0.5, LEFT, LEFT + pitch * len(layers))
    return LayerPlot(
        width=round(LEFT + pitch * len(layers) + 14, 1),
        height=(SQNR_BOTTOM if sqnr else BYTES_BOTTOM) + 34,
        radius=round(max(SMALLEST_DOT, min(DOT, pitch * 0.36)), 1),
        marks=marks,
        bytes_ticks=_bytes_ticks(sizes),
        sqnr_ticks=sqnr.ticks(4) if sqnr else [],
        x_ticks=order.ticks(min(12, len(layers)), whole=True),
        text=_text(layers, levels),
    )


def _mark(place: int, layer: LayerReport, x: float, sizes: Axis, sqnr: Axis | None) -> Mark:
    text = (
        f"{place}. {layer.layer}: {figures.size(layer.bytes_before)} to "
        f"{figures.size(layer.bytes_after)}"
    )
    level = None
    if sqnr is not None and layer.sqnr_db is not None:
        level = sqnr.at(layer.sqnr_db)
        text += f", SQNR {layer.sqnr_db:.1f} dB"
    after = sizes.at(math.log10(layer.bytes_after)) if layer.bytes_after > 0 else None
    return Mark(round(x, 1), sizes.at(math.log10(layer.bytes_before)), after, level, text)


def _bytes_axis(layers: list[LayerReport]) -> Axis:
    """Of log10(bytes), a little beyond the smallest and the largest."""
    every = [size for one in layers for size in (one.bytes_before, one.bytes_after) if size]
    return Axis(
        math.log10(min(every)) - 0.12, math.log10(max(every)) + 0.12, BYTES_BOTTOM, BYTES_TOP
    )


def _bytes_ticks(axis: Axis) -> list[Tick]:
    inside = [unit for unit in UNITS if axis.low <= math.log10(unit) <= axis.high]
    return [Tick(axis.at(math.log10(unit)), _size(unit)) for unit in inside]


def _size(unit: int) -> str:
    """A round number of bytes: 10 KiB, where `figures.size` has 10.0 KiB."""
    return figures.size(unit).replace(".00 ", " ").replace(".0 ", " ")


def _sqnr_axis(levels: list[float]) -> Axis:
    """From zero, or what lies below, to the best layer; 20 dB are always in sight, and what is
    beyond 60 lies on the edge: a layer that nobody touched must not flatten all others."""
    low, high = min(0.0, *levels), min(GOOD_SQNR_DB, max(TENTH_DB, *levels))
    return Axis(low, high + (high - low) * 0.06, SQNR_BOTTOM, SQNR_TOP)


def _text(layers: tuple[LayerReport, ...], levels: list[float]) -> str:
    before, after = (
        sum(getattr(one, name) for one in layers) for name in ("bytes_before", "bytes_after")
    )
    said = f"{len(layers)} layers: {figures.size(before)} of weights to {figures.size(after)}"
    if levels:
        said += f", SQNR from {min(levels):.1f} to {max(levels):.1f} dB"
    return said
