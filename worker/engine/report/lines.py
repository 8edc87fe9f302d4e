"""Line plots: training curves and the curve under noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from worker.engine.report.axis import Tick, spanning

WIDTH, HEIGHT = 360.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 350.0, 12.0, 160.0
MARKED_UP_TO = 40  # with more points, their dots would run into each other


@dataclass(frozen=True, slots=True)
class Line:
    """One series in pixels; `marks` are its points, empty where there are too many."""

    name: str
    style: str
    path: str
    marks: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines over shared axes."""

    title: str
    x_title: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


Points = Sequence[tuple[float, float]]


def plot(
    title: str,
    x_title: str,
    series: Sequence[tuple[str, str, Points]],
    *,
    least: float = 0.0,
    most: float = math.inf,
) -> Plot:
    """`series` holds name, style (baseline or candidate) and (x, y) points, one at least; the
    y axis spans `least` or more and ends at `most`."""
    every = [point for _, _, points in series for point in points]
    x_axis = spanning((x for x, _ in every), LEFT, RIGHT, margin=0.03)
    heights = [y for _, y in every]
    y_axis = spanning(heights, BOTTOM, TOP, margin=0.1, least=least, most=most)
    lines = []
    for name, style, points in series:
        pixels = [(x_axis.at(x), y_axis.at(y)) for x, y in points]
        path = " ".join(f"{x},{y}" for x, y in pixels)
        lines.append(Line(name, style, path, pixels if len(pixels) <= MARKED_UP_TO else []))
    whole = all(x == int(x) for x, _ in every)
    return Plot(title, x_title, lines, x_axis.ticks(whole=whole), y_axis.ticks())
