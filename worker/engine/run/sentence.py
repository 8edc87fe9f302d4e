"""The verdict's sentence: plain words that a stranger understands, with their figures."""

from lathe.errors import Failure
from lathe.job import JobSpec
from lathe.report import Candidate, Comparison
from worker.engine.run import figures
from worker.engine.run.measured import measured
from worker.engine.run.realised import (
    SMALLER_AT,
    downloaded_size,
    is_contended,
    is_faster,
    is_smaller,
)


def sentence(spec: JobSpec, baseline: Candidate, candidate: Candidate) -> str:
    """What became of size, speed, quality and limits. `candidate` is judged already."""
    parts = [_costs(baseline, candidate)]
    if spec.task is not None:
        parts += [_quality(m, baseline, candidate) for m in spec.task.first_of_each]
    text = "; ".join(part for part in parts if part) + "."
    if spec.student is not None:
        text += f" The network is another one, the student {spec.student}."
    return text + _limits(spec, candidate)


def cut_short(spec: JobSpec, best: str, failure: Failure) -> str:
    """Which step failed, and whose state the candidate `best` is."""
    failed = "a step" if failure.step is None else f"the step {spec.step_id(failure.step)!r}"
    return f"This is the state after {best!r}: {failed} failed ({failure.code})."


def _costs(baseline: Candidate, candidate: Candidate) -> str:
    latencies = [c for c in candidate.against_baseline if c.metric == "latency_ms"]
    smaller, faster = is_smaller(candidate), is_faster(baseline, candidate)
    size = _size(candidate)
    if not latencies:
        unknown = "nothing else was" if candidate.realised == "unmeasured" else "speed was not"
        return f"{size[0].upper()}{size[1:]}; {unknown} measured"
    contended = is_contended(baseline, candidate)
    quiet = [c for c in latencies[1:] if not is_contended(baseline, candidate, c.batch_size)]
    speed = _speed(latencies[0], contended=contended) + _other_batches(quiet)
    if smaller or faster:
        first, second = (size, speed) if smaller else (speed, size)
        joint = " and " if smaller and faster else ", but "
        return f"{first[0].upper()}{first[1:]}{joint}{second}"
    return f"Neither smaller nor faster: {size}, {speed}"


def _size(candidate: Candidate) -> str:
    """`12.4x smaller`, or `41.2x smaller packed (3.9x unpacked)`."""
    counted = downloaded_size(candidate)
    smaller = counted.change <= SMALLER_AT
    if counted.of == "onnx":
        factor = f"{figures.times(1 / counted.change)} smaller"
        return factor if smaller else _not_smaller(counted.change)
    if not smaller:
        return f"packed {_not_smaller(counted.change)}"
    onnx = next(c.change for c in candidate.against_baseline if c.metric == "size_bytes")
    return f"{figures.times(1 / counted.change)} smaller packed ({_unpacked(onnx)})"


def _unpacked(ratio: float) -> str:
    if ratio <= SMALLER_AT:
        return f"{figures.times(1 / ratio)} unpacked"
    if ratio < 1 / SMALLER_AT:
        return "as large as before unpacked"
    return f"{figures.times(ratio)} larger unpacked"


def _not_smaller(ratio: float) -> str:
    if ratio <= 1:
        return f"practically the same size ({100 * ratio:.1f} % of the baseline's bytes)"
    return f"larger ({figures.times(ratio)} the baseline's bytes)"


def _speed(latency: Comparison, *, contended: bool) -> str:
    where = f"at batch {latency.batch_size}"
    if contended:
        return (
            f"no speed-up is claimed {where}, where other work disturbed the timing "
            f"({_times_as_long(latency.change)} seen)"
        )
    span = latency.interval
    if span is None:
        return f"not shown to be faster {where} ({_times_as_long(latency.change)})"
    if span.high < 1:
        return f"{figures.times(1 / latency.change)} faster {where}"
    if span.low > 1:
        return f"{figures.times(latency.change)} slower {where}"
    return (
        f"not surely faster {where} ({_times_as_long(latency.change)}, "
        f"95 % interval {span.low:.2f} to {span.high:.2f})"
    )


def _times_as_long(ratio: float) -> str:
    return f"{ratio:.2f} times the baseline's time"


def _other_batches(latencies: list[Comparison]) -> str:
    """The batch sizes after the first, in brackets."""
    if not latencies:
        return ""
    words = [
        f"batch {c.batch_size}: {figures.times(max(c.change, 1 / c.change))} "
        + ("faster" if c.change < 1 else "slower")
        for c in latencies
    ]
    return f" [{', '.join(words)}]"


def _quality(metric: str, baseline: Candidate, candidate: Candidate) -> str:
    """`accuracy 99.12 -> 98.95 % (-0.17 points, 95 % interval ..., 10,000 examples)`."""
    after = measured(candidate, metric)
    if after is None:
        return f"{metric} could not be measured"
    before = measured(baseline, metric)
    compared = next((c for c in candidate.against_baseline if c.metric == metric), None)
    if before is None or compared is None:
        return f"{metric} {figures.score(metric, after.value)}{figures.unit(metric)}"
    points = " points" if figures.in_percent(metric) else ""
    details = [f"{figures.change(metric, compared.change)}{points}"]
    if compared.interval is not None:
        low = figures.change(metric, compared.interval.low)
        high = figures.change(metric, compared.interval.high)
        details.append(f"95 % interval {low} to {high}")
    if compared.examples is not None:
        details.append(f"{compared.examples:,} examples")
    return (
        f"{metric} {figures.score(metric, before.value)} -> "
        f"{figures.score(metric, after.value)}{figures.unit(metric)} ({', '.join(details)})"
    )


def _limits(spec: JobSpec, candidate: Candidate) -> str:
    if not spec.constraints:
        return ""
    if candidate.violations:
        missed = "Limit missed" if len(candidate.violations) == 1 else "Limits missed"
        return f" {missed}: {'; '.join(candidate.violations)}."
    count = len(spec.constraints)
    return " The limit holds." if count == 1 else f" All {count} limits hold."
