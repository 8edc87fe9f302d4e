"""The verdict: the best candidate, whether the limits hold, and one plain sentence.

Best = every constraint met, then the objective; where none meets them all, the smallest sum
of relative violations. Ties go to the smaller file, then to the later step.
"""

import math

from lathe.job import JobSpec
from lathe.limits import Objective
from lathe.report import Candidate, Verdict
from worker.engine.run.constraints import violations
from worker.engine.run.measured import measured
from worker.engine.run.realised import realised
from worker.engine.run.sentence import sentence


def judged(spec: JobSpec, baseline: Candidate, candidate: Candidate) -> Candidate:
    """`candidate` with its violations and what it realised filled in. With no constraints
    asked for, `constraints_met` stays null."""
    broken = violations(spec.constraints, baseline, candidate)
    return candidate.model_copy(
        update={
            "constraints_met": not broken if spec.constraints else None,
            "violations": tuple(violation.text for violation in broken),
            "realised": realised(baseline, candidate),
        }
    )


def decide(spec: JobSpec, baseline: Candidate, candidates: tuple[Candidate, ...]) -> Verdict:
    """The verdict over judged candidates, given in step order; at least one is needed."""
    latest_first = reversed(candidates)
    best = min(latest_first, key=lambda candidate: _rank(spec, baseline, candidate))
    return Verdict(
        best=best.id,
        constraints_met=best.constraints_met,
        realised=best.realised,
        sentence=sentence(spec, baseline, best),
    )


def _rank(
    spec: JobSpec, baseline: Candidate, candidate: Candidate
) -> tuple[float, float, float]:
    """Lower is better: violation, then objective, then bytes."""
    broken = violations(spec.constraints, baseline, candidate)
    size = measured(candidate, "size_bytes")
    return (
        sum(violation.excess for violation in broken),
        _cost(spec.objective, candidate),
        math.inf if size is None else size.value,
    )


def _cost(objective: Objective, candidate: Candidate) -> float:
    """The objective as a cost to minimise; a metric that was not measured comes last."""
    found = measured(candidate, objective.metric, of=objective.of)
    if found is None:
        return math.inf
    return found.value if objective.minimize is not None else -found.value
