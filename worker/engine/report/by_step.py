"""What each step bought: size, work, latency and the primary score from state to state.

A state's numbers are those of its file where it was measured as a candidate; size and work of
the others are what their step counted. A number that nobody took is not drawn.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from lathe.report import Candidate, Comparison, Report, StepReport
from lathe.task import is_lower_better
from worker.engine.report.axis import Axis, spanning
from worker.engine.report.names import metric_name
from worker.engine.run import figures
from worker.engine.run.measured import measured

FEWEST_STEPS = 2  # of one step the cards on top say it all
Number = float | int | None


@dataclass(frozen=True, slots=True)
class Rung:
    """One state in a panel. `share` (0 to 1) is the length of its bar, `change` the relation
    to the last state before it that has a number."""

    name: str
    value: str | None
    change: str = ""
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a score's change since the baseline lies, with its 95 % interval, as shares of
    the axis."""

    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ScoreRung:
    """One state's score."""

    name: str
    value: str | None
    change: str = ""
    spot: Spot | None = None


@dataclass(frozen=True, slots=True)
class CostPanel:
    """One cost, a bar from zero for each state; `contended` where other work disturbed the
    timing of one of them."""

    title: str
    rungs: list[Rung]
    contended: bool = False


@dataclass(frozen=True, slots=True)
class ScorePanel:
    """The score: `zero` is the baseline's place on the axis, `limit` that of the largest drop
    allowed."""

    title: str
    rungs: list[ScoreRung]
    zero: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """Every panel with something to compare; `whole` says that each state was measured."""

    costs: list[CostPanel]
    score: ScorePanel | None
    whole: bool


@dataclass(frozen=True, slots=True)
class _State:
    name: str
    step: StepReport | None
    file: Candidate | None


def ladder(report: Report) -> Ladder | None:
    """None for a pipeline of one step."""
    if len(report.steps) < FEWEST_STEPS:
        return None
    files = {candidate.id: candidate for candidate in report.candidates}
    states = [
        _State("baseline", None, report.baseline),
        *(_State(step.id, step, files.get(step.id)) for step in report.steps),
    ]
    latency = metric_name("latency_ms", _first_batch(report.baseline))
    tried = (
        _costs("File size", states, _size, figures.size),
        _costs("Multiply-accumulates", states, partial(_counted, "macs"), figures.count),
        _costs(latency, states, _latency, figures.milliseconds),
    )
    return Ladder(
        [panel for panel in tried if panel is not None],
        _score_panel(report, states),
        all(state.file is not None for state in states),
    )


def _costs(
    title: str,
    states: Sequence[_State],
    number: Callable[[_State], Number],
    text: Callable[[float], str],
) -> CostPanel | None:
    values = [number(state) for state in states]
    known = [value for value in values if value is not None]
    if len(known) < FEWEST_STEPS or not any(known):
        return None
    largest = max(known)
    rungs, before = [], None
    for state, value in zip(states, values, strict=True):
        if value is None:
            rungs.append(Rung(state.name, None))
            continue
        change = "" if not before else _relative(value / before)
        rungs.append(Rung(state.name, text(value), change, value / largest))
        before = value
    return CostPanel(title, rungs, number is _latency and any(map(_contended, states)))


def _size(state: _State) -> Number:
    if state.file is None:
        return _counted("size_bytes", state)
    packed = state.file.packed
    return packed.size_bytes if packed else _measured("size_bytes", state.file)


def _counted(fact: str, state: _State) -> Number:
    """Of the file; else of the step, whose caches may be older than the fact."""
    if state.file is not None and (found := _measured(fact, state.file)) is not None:
        return found
    counted = state.step.facts.get(fact) if state.step else None
    return counted if isinstance(counted, int) and not isinstance(counted, bool) else None


def _latency(state: _State) -> Number:
    return None if state.file is None else _measured("latency_ms", state.file)


def _contended(state: _State) -> bool:
    found = None if state.file is None else measured(state.file, "latency_ms")
    return found is not None and found.contended


def _measured(metric: str, file: Candidate) -> Number:
    found = measured(file, metric)
    return None if found is None else found.value


def _first_batch(file: Candidate) -> int | None:
    found = measured(file, "latency_ms")
    return None if found is None else found.batch_size


def _score_panel(report: Report, states: Sequence[_State]) -> ScorePanel | None:
    task = report.spec.task
    if task is None or measured(report.baseline, task.measured[0]) is None:
        return None
    metric = task.measured[0]
    drops = [
        limit.max_drop if is_lower_better(metric) else -limit.max_drop
        for limit in report.spec.constraints
        if limit.metric == metric and limit.max_drop is not None
    ]
    found = {state.name: _comparison(metric, state.file) for state in states}
    ends = [end for one in found.values() if one for end in _ends(one)]
    if not ends:
        return None
    axis = spanning([0.0, *ends, *drops], 0.0, 1.0, margin=0.12)
    return ScorePanel(
        metric_name(metric, None),
        list(_score_rungs(metric, states, found, axis)),
        axis.share(0.0),
        axis.share(drops[0]) if drops else None,
    )


def _score_rungs(
    metric: str,
    states: Sequence[_State],
    compared: dict[str, Comparison | None],
    axis: Axis,
) -> Iterator[ScoreRung]:
    for state in states:
        score = None if state.file is None else measured(state.file, metric)
        if score is None:
            yield ScoreRung(state.name, None)
            continue
        value = f"{figures.score(metric, score.value)}{figures.unit(metric)}"
        one = compared[state.name]
        if one is None:
            yield ScoreRung(state.name, value)
            continue
        low, high = _ends(one)
        spot = Spot(axis.share(one.change), axis.share(low), axis.share(high))
        yield ScoreRung(state.name, value, figures.change(metric, one.change), spot)


def _comparison(metric: str, file: Candidate | None) -> Comparison | None:
    found = file.against_baseline if file else ()
    return next((one for one in found if one.metric == metric), None)


def _ends(compared: Comparison) -> tuple[float, float]:
    span = compared.interval
    return (compared.change, compared.change) if span is None else (span.low, span.high)


def _relative(ratio: float) -> str:
    """0.25 is -75 %, 0.9995 is -0.05 %, 1 is nothing."""
    percent = 100 * (ratio - 1)
    text = f"{percent:+.0f}" if abs(percent) >= 10 else f"{percent:+.1f}"  # noqa: PLR2004
    return "" if float(text) == 0 else f"{text} %"
