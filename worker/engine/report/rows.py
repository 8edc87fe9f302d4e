"""The tables of the page, cell by cell as text."""

from dataclasses import dataclass

from lathe.report import (
    Candidate,
    Comparison,
    GroupScore,
    LayerReport,
    PackedFile,
    Report,
)
from worker.engine.report.names import metric_name, metric_value
from worker.engine.run import figures
from worker.engine.run.measured import measured

GOOD_SQNR_DB = 60.0  # a full bar: errors of a thousandth of the signal


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of baseline and candidate."""

    name: str
    baseline: str
    candidate: str
    change: str
    interval: str
    contended: bool


@dataclass(frozen=True, slots=True)
class CandidateRow:
    """The baseline or one of several candidates; `size` is that of the packed file where
    there is one."""

    id: str
    best: bool
    size: str
    macs: str
    latency: str
    score: str
    realised: str
    limits: str


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer, by its place in the order they compute; shares (0 to 1) are lengths of
    bars."""

    place: int
    layer: LayerReport
    shape: str
    before: str
    after: str
    before_share: float
    after_share: float
    sqnr_share: float | None


@dataclass(frozen=True, slots=True)
class PackedRow:
    """One tensor in the packed file; shares (0 to 1) are lengths of bars."""

    tensor: str
    coded_as: str
    before: str
    after: str
    share: float


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One class or group. `share` is the change over the largest change, -1 to 1; `lost` and
    `gained` are answers that became wrong and right, with their shares (0 to 1) of the
    largest such number; None where nobody counted."""

    name: str
    examples: int
    baseline: str
    candidate: str
    change: str
    share: float
    worst: bool
    lost: int | None
    gained: int | None
    lost_share: float
    gained_share: float


def metric_rows(baseline: Candidate, candidate: Candidate) -> list[MetricRow]:
    """Every metric of the candidate beside the baseline's, in measured order."""
    rows = []
    for after in candidate.measurements:
        key = (after.metric, after.batch_size)
        before = next(  # of its ONNX file, also where the candidate's is packed
            (m for m in baseline.measurements if (m.metric, m.batch_size) == key), None
        )
        compared = next(
            (
                c
                for c in candidate.against_baseline
                if (c.metric, c.batch_size, c.of) == (*key, after.of)
            ),
            None,
        )
        rows.append(
            MetricRow(
                name=metric_name(*key, after.of),
                baseline="—" if before is None else metric_value(before),
                candidate=metric_value(after),
                change="—" if compared is None else _change(compared),
                interval="—" if compared is None else _interval(compared),
                contended=after.contended or (before is not None and before.contended),
            )
        )
    return rows


def candidate_rows(report: Report) -> list[CandidateRow]:
    """The baseline, then every candidate in step order, with what the verdict looked at: what
    a step bought is what tells its row from the one above."""
    metric = report.spec.task.measured[0] if report.spec.task else None
    met = {True: "all hold", False: "missed", None: "—"}
    return [
        CandidateRow(
            id=candidate.id,
            best=candidate.id == report.verdict.best,
            size=figures.size(candidate.packed.size_bytes)
            if candidate.packed
            else _cell(candidate, "size_bytes"),
            macs=_cell(candidate, "macs"),
            latency=_cell(candidate, "latency_ms"),
            score=_cell(candidate, metric) if metric else "—",
            realised="—"
            if candidate is report.baseline
            else candidate.realised.replace("_", " "),
            limits=met[candidate.constraints_met],
        )
        for candidate in (report.baseline, *report.candidates)
    ]


def layer_rows(layers: tuple[LayerReport, ...]) -> list[LayerRow]:
    """Layers in graph order; byte bars share the largest layer's scale."""
    largest = max((max(one.bytes_before, one.bytes_after) for one in layers), default=1) or 1
    return [
        LayerRow(
            place=place,
            layer=one,
            shape=_shapes(one),
            before=figures.size(one.bytes_before),
            after=figures.size(one.bytes_after),
            before_share=one.bytes_before / largest,
            after_share=one.bytes_after / largest,
            sqnr_share=None
            if one.sqnr_db is None
            else min(1.0, max(0.0, one.sqnr_db / GOOD_SQNR_DB)),
        )
        for place, one in enumerate(layers, start=1)
    ]


def packed_rows(packed: PackedFile) -> list[PackedRow]:
    """Tensors in the file's order; bars share the scale of the one that takes most."""
    largest = max((one.bytes_after for one in packed.tensors), default=1) or 1
    return [
        PackedRow(
            tensor=one.tensor,
            coded_as=one.coded_as,
            before=figures.size(one.bytes_before),
            after=figures.size(one.bytes_after),
            share=one.bytes_after / largest,
        )
        for one in packed.tensors
    ]


def score_rows(scores: tuple[GroupScore, ...], worst: tuple[str, ...]) -> list[ScoreRow]:
    """Classes or groups by their first score, in the report's order."""
    changes = [_first(one.candidate) - _first(one.baseline) for one in scores]
    largest = max((abs(change) for change in changes), default=0.0) or 1.0
    most = max((max(one.lost or 0, one.gained or 0) for one in scores), default=0) or 1
    return [
        ScoreRow(
            name=one.name,
            examples=one.examples,
            baseline=figures.score(_metric(one), _first(one.baseline)),
            candidate=figures.score(_metric(one), _first(one.candidate)),
            change=figures.change(_metric(one), change),
            share=change / largest,
            worst=one.name in worst,
            lost=one.lost,
            gained=one.gained,
            lost_share=(one.lost or 0) / most,
            gained_share=(one.gained or 0) / most,
        )
        for one, change in zip(scores, changes, strict=True)
    ]


def score_name(scores: tuple[GroupScore, ...]) -> str:
    """What `score_rows` shows, such as `Recall, %`."""
    metric = _metric(scores[0])
    return metric_name(metric, None) + (", %" if figures.in_percent(metric) else "")


def _metric(score: GroupScore) -> str:
    return next(iter(score.candidate))


def _first(scores: dict[str, float]) -> float:
    return next(iter(scores.values()))


def _cell(candidate: Candidate, metric: str) -> str:
    found = measured(candidate, metric)
    return "—" if found is None else metric_value(found)


def _change(compared: Comparison) -> str:
    if compared.kind == "ratio":
        return f"{_relative(compared.change)} %"
    points = " points" if figures.in_percent(compared.metric) else ""
    return f"{figures.change(compared.metric, compared.change)}{points}"


def _interval(compared: Comparison) -> str:
    span = compared.interval
    if span is None:
        return "—"
    if compared.kind == "ratio":
        return f"{_relative(span.low)} to {_relative(span.high)} %"
    low, high = (figures.change(compared.metric, end) for end in (span.low, span.high))
    return f"{low} to {high}"


def _relative(ratio: float) -> str:
    """A ratio as the change in percent: 0.0806 is -91.9, 1.02 is +2.0."""
    return f"{100 * (ratio - 1):+.1f}"


def _shapes(layer: LayerReport) -> str:
    before, *after = (
        "×".join(str(size) for size in shape)  # noqa: RUF001 - a times sign is meant
        for shape in (layer.shape_before, *layer.factors_after, layer.shape_after)
    )
    return before if [before] == after else f"{before} → {', '.join(after)}"
