"""Before and after: every number of the baseline beside that of the result."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.page import numbers
from lathe.limits import bare
from lathe.report import Candidate, Comparison, Measurement
from lathe.task import is_lower_better

_SMALLER = {"size_bytes": "smaller", "parameters": "fewer", "macs": "fewer"}
_LARGER = {"size_bytes": "larger", "parameters": "more", "macs": "more"}
_POINTS = 100
_EVEN = 0.005  # of a ratio: nothing that a person would call a change


@dataclass(frozen=True)
class Change:
    """One metric of one file; `better` is None where nothing changed that matters, or where
    other work disturbed the timing, so that nothing is claimed."""

    name: str
    label: str
    before: float
    after: float
    before_text: str
    after_text: str
    text: str
    interval: str
    better: bool | None
    disturbed: bool

    @property
    def drawn(self) -> bool:
        """Whether bars say anything: shares all end at nearly one."""
        return self.name not in numbers.SHARES and min(self.before, self.after) > 0

    @property
    def most(self) -> float:
        """What both bars are drawn against."""
        return max(self.before, self.after, 0.0)


def changes(baseline: Candidate, best: Candidate) -> list[Change]:
    """The numbers that both files have; a packed file is compared with the baseline's ONNX."""
    before = {(m.metric, m.batch_size): m for m in baseline.measurements if m.of == "onnx"}
    compared = {(c.metric, c.of, c.batch_size): c for c in best.against_baseline}
    return [
        _change(before[m.metric, m.batch_size], m, compared.get((m.metric, m.of, m.batch_size)))
        for m in best.measurements
        if (m.metric, m.batch_size) in before
    ]


def foremost(every: Sequence[Change], metric: str | None) -> list[Change]:
    """Those that people ask for first: the file (packed where it is), the time, the score."""
    by_name: dict[str, Change] = {}
    for change in every:
        by_name.setdefault(change.name, change)
    wanted = ["packed" if "packed" in by_name else "size_bytes", "latency_ms", metric or ""]
    return [by_name[name] for name in wanted if name in by_name]


def _change(before: Measurement, after: Measurement, told: Comparison | None) -> Change:
    lower = is_lower_better(after.metric)
    disturbed = before.contended or after.contended
    even = abs(after.value - before.value) <= _EVEN * abs(before.value)
    if bare(after.metric) in numbers.SHARES:
        even = after.value == before.value
    return Change(
        name="packed" if after.of == "packed" else after.metric,
        label=_label(after),
        before=before.value,
        after=after.value,
        before_text=numbers.metric(before.value, after.metric),
        after_text=numbers.metric(after.value, after.metric),
        text=_text(before.value, after.value, after.metric),
        interval=_interval(told, after.metric),
        better=None if even or disturbed else (after.value < before.value) is lower,
        disturbed=disturbed,
    )


def _label(measurement: Measurement) -> str:
    name = bare(measurement.metric)
    said = {
        "size_bytes": "Packed file" if measurement.of == "packed" else "File",
        "latency_ms": "Latency",
        "peak_memory_bytes": "Peak memory",
        "throughput_per_s": "Examples a second",
    }.get(name, numbers.words(measurement.metric))
    task = measurement.metric.rpartition(".")[0]
    said = f"{task}: {said}" if task else said
    return said if measurement.batch_size is None else f"{said}, batch {measurement.batch_size}"


def _text(before: float, after: float, metric: str) -> str:
    name = bare(metric)
    if name in numbers.SHARES:
        return f"{_POINTS * (after - before):+.2f} points"
    if name == "throughput_per_s" and before > 0:
        return (
            "the same" if abs(after / before - 1) <= _EVEN else f"{after / before:.2f}x as many"
        )
    if name.endswith("_db") or not is_lower_better(metric) or before <= 0 or after <= 0:
        return f"{after - before:+.4g}"
    ratio = before / after
    if abs(ratio - 1) <= _EVEN:
        return "the same"
    if name == "latency_ms":
        return f"{ratio:.2f}x faster" if ratio > 1 else f"{1 / ratio:.2f}x slower"
    word = _SMALLER.get(name, "less") if ratio > 1 else _LARGER.get(name, "more")
    return f"{max(ratio, 1 / ratio):.2f}x {word}"


def _interval(told: Comparison | None, metric: str) -> str:
    if told is None or told.interval is None:
        return ""
    low, high = told.interval.low, told.interval.high
    if told.kind == "difference" and bare(metric) in numbers.SHARES:
        return f"95 % interval {_POINTS * low:+.2f} to {_POINTS * high:+.2f} points"
    if told.kind == "ratio":
        return f"95 % interval of the ratio {low:.3f} to {high:.3f}"
    return f"95 % interval {low:+.4g} to {high:+.4g}"
