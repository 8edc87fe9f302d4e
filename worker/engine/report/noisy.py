"""The primary score under noise: a plot, its numbers, and what they rest on."""

import math
from dataclasses import dataclass

from lathe.report import NoiseCheck, Report
from worker.engine.report.lines import Plot, plot
from worker.engine.report.names import metric_name
from worker.engine.run import figures

LEAST_POINTS = 4.0  # a percentage axis is no shorter: the score of 1000 examples is that vague


@dataclass(frozen=True, slots=True)
class NoiseRow:
    """Both scores at one strength."""

    sigma: str
    baseline: str
    candidate: str
    change: str


@dataclass(frozen=True, slots=True)
class Noisy:
    """`rests_on` says how many examples were looked at and what that took."""

    plot: Plot
    metric: str
    rows: list[NoiseRow]
    rests_on: str
    stopped: str | None


def noisy(report: Report) -> Noisy | None:
    """None where no noise was tried."""
    if not report.noise or report.spec.task is None:
        return None
    metric = report.spec.task.measured[0]
    percent = figures.in_percent(metric)
    scale = 100.0 if percent else 1.0
    named = f"{metric_name(metric, None)}{', %' if percent else ''}"
    lines = [
        (name, name, [(p.sigma, scale * getattr(p, name)) for p in report.noise])
        for name in ("baseline", "candidate")
    ]
    least, most = (LEAST_POINTS, 100.0) if percent else (0.0, math.inf)
    drawn = plot(named, "noise over input deviation", lines, least=least, most=most)
    rows = [
        NoiseRow(
            f"{point.sigma:g}",
            figures.score(metric, point.baseline),
            figures.score(metric, point.candidate),
            figures.change(metric, point.candidate - point.baseline),
        )
        for point in report.noise
    ]
    check = report.noise_check
    return Noisy(drawn, named, rows, _rests_on(check), check.stopped if check else None)


def _rests_on(check: NoiseCheck | None) -> str:
    if check is None:
        return ""
    seen = f"{check.examples:,}"
    of = seen if check.examples == check.of else f"{seen} of {check.of:,}"
    return f"On {of} evaluation examples; this took {figures.duration(check.wall_s)}."
