"""The limits of a job: which of them a candidate breaks, by how much, in words.

Every constraint becomes one bound on the metric's value:

    max        value <= max
    min        value >= min
    max_drop   value >= baseline - max_drop,  for metrics where higher is better
               value <= baseline + max_drop,  for metrics where lower is better

    excess = how far the value lies beyond its bound, over |bound| (over 1 for bound 0)
"""

import math
from dataclasses import dataclass

from lathe.limits import Constraint
from lathe.report import Candidate
from lathe.task import is_lower_better
from worker.engine.run import figures
from worker.engine.run.measured import measured

ROUNDING = 1e-9  # in floats 0.5017 - 0.005 is above 0.4967, yet such a drop holds


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken constraint. `excess` is relative; infinite where nothing was measured."""

    excess: float
    text: str


def violations(
    constraints: tuple[Constraint, ...], baseline: Candidate, candidate: Candidate
) -> tuple[Violation, ...]:
    """Every constraint that `candidate` breaks, in the order of the spec."""
    found = (_violation(constraint, baseline, candidate) for constraint in constraints)
    return tuple(violation for violation in found if violation is not None)


def _violation(
    constraint: Constraint, baseline: Candidate, candidate: Candidate
) -> Violation | None:
    after = measured(candidate, constraint.metric, of=constraint.of)
    before = measured(baseline, constraint.metric)  # the baseline is an ONNX file alone
    if after is None or (constraint.max_drop is not None and before is None):
        return Violation(
            math.inf,
            f"{_name(constraint)} could not be measured, so its limit cannot be shown to hold",
        )
    start = before.value if before is not None else 0.0
    bound, at_most = _bound(constraint, start)
    beyond = (after.value - bound) if at_most else (bound - after.value)
    if beyond <= ROUNDING * max(1.0, abs(bound)):
        return None
    return Violation(beyond / (abs(bound) or 1.0), _words(constraint, start, after.value))


def _bound(constraint: Constraint, baseline: float) -> tuple[float, bool]:
    if constraint.max is not None:
        return constraint.max, True
    if constraint.min is not None:
        return constraint.min, False
    allowed = constraint.max_drop or 0.0
    if is_lower_better(constraint.metric):
        return baseline + allowed, True
    return baseline - allowed, False


def _name(constraint: Constraint) -> str:
    """`accuracy`, or `packed size_bytes`."""
    if constraint.of == "onnx":
        return constraint.metric
    return f"{constraint.of} {constraint.metric}"


def _words(constraint: Constraint, before: float, after: float) -> str:
    metric, name = constraint.metric, _name(constraint)
    if constraint.max is not None:
        return f"{name} is {after:.6g}, at most {constraint.max:.6g} allowed"
    if constraint.min is not None:
        return f"{name} is {after:.6g}, at least {constraint.min:.6g} wanted"
    word = "rose" if is_lower_better(metric) else "dropped"
    allowed = constraint.max_drop or 0.0
    if figures.in_percent(metric):
        return (
            f"{metric} {word} by {100 * abs(after - before):.4g} points "
            f"({100 * before:.4g} -> {100 * after:.4g} %), at most {100 * allowed:.4g} allowed"
        )
    return (
        f"{name} {word} by {abs(after - before):.6g} ({before:.6g} -> {after:.6g}), "
        f"at most {allowed:.6g} allowed"
    )
