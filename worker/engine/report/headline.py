"""The three figures on top: size, latency and the primary score, before and after."""

from dataclasses import dataclass

from lathe.limits import Constraint, FileKind
from lathe.report import Candidate, Comparison, Report
from lathe.task import is_lower_better
from worker.engine.report.axis import Tick, spanning
from worker.engine.report.names import metric_name
from worker.engine.run import figures
from worker.engine.run.measured import measured
from worker.engine.run.realised import downloaded_size, is_contended

MOST_COSTS = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One file's value as a share (0 to 1) of the longer bar."""

    name: str
    share: float
    value: str


@dataclass(frozen=True, slots=True)
class ChangePlot:
    """The 95 % interval of a change over an axis with zero, in pixels."""

    low_at: float
    high_at: float
    at: float
    zero_at: float
    limit_at: float | None
    ticks: list[Tick]
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """`tone` is good, bad or plain; `note` says what stands behind the figure."""

    title: str
    figure: str
    word: str
    tone: str
    bars: tuple[Bar, Bar]
    note: str
    change: ChangePlot | None = None


def headline(report: Report, best: Candidate) -> list[Card]:
    """Cards for what was measured: size, latency at the first two batch sizes, and the
    primary score of each task."""
    latencies = [c for c in best.against_baseline if c.metric == "latency_ms"]
    costs = [downloaded_size(best), *latencies][:MOST_COSTS]
    cards = [_cost(report.baseline, best, compared) for compared in costs]
    if report.spec.task is not None:
        found = (_quality(metric, report, best) for metric in report.spec.task.first_of_each)
        cards += [quality for quality in found if quality is not None]
    return cards


def _cost(baseline: Candidate, best: Candidate, compared: Comparison) -> Card:
    metric, batch = compared.metric, compared.batch_size
    before, after = _value(baseline, metric, batch), _value(best, metric, batch, compared.of)
    longest = max(before, after)
    is_size = metric == "size_bytes"
    text = figures.size if is_size else figures.milliseconds
    note = "the file that is downloaded"
    if compared.of == "packed":
        note = f"{note}; {text(_value(best, metric, None))} unpacked"
    if not is_size:
        span = compared.interval
        note = "median of interleaved runs"
        if span is not None:
            note = (
                f"95 % interval {figures.times(1 / span.high)} to {figures.times(1 / span.low)}"
            )
    tone = "good" if compared.change < 1 else "bad"
    if not is_size and is_contended(baseline, best, batch):
        note, tone = "contended: other work used the CPU, so this is not claimed", "plain"
    better = compared.change < 1
    words = ("smaller", "larger") if is_size else ("faster", "slower")
    factor = 1 / compared.change if better else compared.change
    return Card(
        title=metric_name(metric, batch, compared.of),
        figure=figures.times(factor),
        word=words[0] if better else words[1],
        tone=tone,
        bars=(
            Bar("baseline", before / longest, text(before)),
            Bar("candidate", after / longest, text(after)),
        ),
        note=note,
    )


def _quality(metric: str, report: Report, best: Candidate) -> Card | None:
    before, after = measured(report.baseline, metric), measured(best, metric)
    compared = next((c for c in best.against_baseline if c.metric == metric), None)
    if before is None or after is None or compared is None:
        return None
    whole = (
        1.0 if figures.in_percent(metric) else max(abs(before.value), abs(after.value)) or 1.0
    )
    examples = f"{compared.examples:,} examples" if compared.examples else ""
    limits = [c for c in report.spec.constraints if c.metric == metric]
    return Card(
        title=metric_name(metric, None),
        figure=figures.change(metric, compared.change),
        word="points" if figures.in_percent(metric) else "change",
        tone="plain",
        bars=(
            Bar("baseline", max(0.0, before.value / whole), _score(metric, before.value)),
            Bar("candidate", max(0.0, after.value / whole), _score(metric, after.value)),
        ),
        note=examples,
        change=_change_plot(metric, compared, limits),
    )


def _change_plot(
    metric: str, compared: Comparison, limits: list[Constraint]
) -> ChangePlot | None:
    span = compared.interval
    if span is None:
        return None
    scale = 100.0 if figures.in_percent(metric) else 1.0
    away = scale if is_lower_better(metric) else -scale
    drops = [limit.max_drop * away for limit in limits if limit.max_drop is not None]
    low, high, at = (scale * value for value in (span.low, span.high, compared.change))
    axis = spanning([low, high, 0.0, *drops], 4, 216, margin=0.12)
    text = (
        f"change {figures.change(metric, compared.change)}, 95 % interval "
        f"{figures.change(metric, span.low)} to {figures.change(metric, span.high)}"
    )
    limit_at = axis.at(drops[0]) if drops else None
    return ChangePlot(
        axis.at(low), axis.at(high), axis.at(at), axis.at(0.0), limit_at, axis.ticks(3), text
    )


def _score(metric: str, value: float) -> str:
    return f"{figures.score(metric, value)}{figures.unit(metric)}"


def _value(
    file: Candidate, metric: str, batch_size: int | None, of: FileKind = "onnx"
) -> float:
    key = (metric, batch_size, of)
    return next(m.value for m in file.measurements if (m.metric, m.batch_size, m.of) == key)
