"""Before and after, as a table from the report."""

from collections.abc import Iterator

from rich.table import Table

from lathe.cli.say import out
from lathe.limits import Constraint
from lathe.report import Candidate, Measurement, Report
from lathe.task import is_lower_better

_COSTS = ("size_bytes", "latency_ms", "parameters", "macs", "peak_memory_bytes")
_MORE_AND_LESS = {
    "size_bytes": ("larger", "smaller"),
    "latency_ms": ("slower", "faster"),
    "parameters": ("more", "fewer"),
    "macs": ("more", "fewer"),
    "peak_memory_bytes": ("more", "less"),
}
_SELDOM = frozenset({"parameters", "macs"})  # changed, and shown then
_OF_ONE = frozenset({"accuracy", "f1_macro", "precision_macro", "recall_macro", "agreement"})


def proof(report: Report) -> None:
    """Print what the best candidate is beside the baseline, and the verdict."""
    best = next(c for c in report.candidates if c.id == report.verdict.best)
    shown = Table(pad_edge=False)
    shown.add_column("")
    for heading in ("before", "after", "change", "limit"):
        shown.add_column(heading, justify="right")
    for row in _rows(report, best):
        shown.add_row(*row)
    out().print(shown)
    out().print(report.verdict.sentence, soft_wrap=True, markup=False)
    for violation in best.violations:
        out().print(f"missed: {violation}", soft_wrap=True, markup=False)


def _rows(report: Report, best: Candidate) -> Iterator[tuple[str, str, str, str, str]]:
    found = report.baseline.measurements
    size, *costs = [m for metric in _COSTS for m in found if m.metric == metric]
    judged = report.spec.task.all_measured if report.spec.task else ()
    quality = [m for metric in judged for m in found if m.metric == metric]
    for before in (size, *quality, *costs):
        after = _same(before, best)
        if after is None or (before.metric in _SELDOM and after.value == before.value):
            continue
        limit = next((c for c in report.spec.constraints if _limits(c, after)), None)
        yield (
            _name(before),
            _value(before.metric, before.value),
            _value(before.metric, after.value),
            _change(before.metric, before.value, after.value),
            "" if limit is None else _bound(limit),
        )
    if best.packed is not None:
        whole = next(m.value for m in report.baseline.measurements if m.metric == "size_bytes")
        limit = next((c for c in report.spec.constraints if c.of == "packed"), None)
        yield (
            "packed file",
            "",
            f"{best.packed.size_bytes:,} bytes",
            _change("size_bytes", whole, best.packed.size_bytes),
            "" if limit is None else _bound(limit),
        )


def _same(before: Measurement, best: Candidate) -> Measurement | None:
    return next(
        (
            m
            for m in best.measurements
            if (m.metric, m.of, m.batch_size) == (before.metric, before.of, before.batch_size)
        ),
        None,
    )


def _limits(limit: Constraint, after: Measurement) -> bool:
    return limit.metric == after.metric and limit.of == after.of


def _name(measured: Measurement) -> str:
    named = {"size_bytes": "file", "peak_memory_bytes": "peak memory", "latency_ms": "latency"}
    name = named.get(measured.metric, measured.metric.replace("_", " "))
    return name if measured.batch_size is None else f"{name}, batch {measured.batch_size}"


def _value(metric: str, value: float) -> str:
    if metric in _OF_ONE:
        return f"{100 * value:.2f} %"
    if metric.endswith("_bytes"):
        return f"{value:,.0f} bytes"
    if metric.endswith("_ms"):
        return f"{value:.4f} ms"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4f}"


def _change(metric: str, before: float, after: float) -> str:
    if metric in _OF_ONE:
        return f"{100 * (after - before):+.2f} points"
    if metric in _MORE_AND_LESS and after > 0 and before > 0:
        if before == after:
            return "the same"
        more, less = _MORE_AND_LESS[metric]
        if before > after:
            return f"{before / after:.1f}x {less}"
        return f"{after / before:.1f}x {more}"
    return f"{after - before:+.4f}"


def _bound(limit: Constraint) -> str:
    if limit.max_drop is not None:
        points = limit.metric in _OF_ONE
        drop = f"{100 * limit.max_drop:g} points" if points else f"{limit.max_drop:g}"
        way = "+" if is_lower_better(limit.metric) else "-"
        return f"{way}{drop} at most"
    if limit.max is not None:
        return f"{_value(limit.metric, limit.max)} at most"
    return f"{_value(limit.metric, limit.min or 0.0)} at least"
