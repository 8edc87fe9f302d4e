from typing import Any

from lathe.job import JobSpec
from lathe.limits import Objective
from lathe.report import Candidate, Comparison, Measurement
from worker.engine.run.verdict import decide, judged

SPLIT = {"dataset": "dat_" + "0" * 26, "split": "test"}


def spec(**more: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "model": "mdl_" + "0" * 26,
            "data": {"evaluation": SPLIT},
            "task": {"kind": "classification"},
            "pipeline": [{"technique": "optimize.graph", "id": "tidy"}],
            **more,
        }
    )


def candidate(name: str, *, size: float, accuracy: float) -> Candidate:
    return Candidate(
        id=name,
        file=f"{name}.onnx",
        sha256="",
        measurements=(
            Measurement(metric="size_bytes", value=size, unit="bytes"),
            Measurement(metric="accuracy", value=accuracy, unit="fraction"),
        ),
        against_baseline=(
            Comparison(metric="size_bytes", kind="ratio", change=size / 1000),
            Comparison(metric="accuracy", kind="difference", change=accuracy - 0.9),
        ),
    )


BASELINE = candidate("baseline", size=1000, accuracy=0.9)


def best(job: JobSpec, *candidates: Candidate) -> str:
    return decide(job, BASELINE, tuple(judged(job, BASELINE, each) for each in candidates)).best


def test_without_limits_the_smallest_file_wins() -> None:
    a = candidate("a", size=500, accuracy=0.89)
    b = candidate("b", size=300, accuracy=0.5)
    assert best(spec(), a, b) == "b"
    verdict = decide(spec(), BASELINE, (judged(spec(), BASELINE, b),))
    assert verdict.constraints_met is None
    assert verdict.realised == "smaller"


def test_limits_come_before_the_objective() -> None:
    job = spec(constraints=[{"metric": "accuracy", "max_drop": 0.02}])
    a = candidate("a", size=500, accuracy=0.89)
    b = candidate("b", size=300, accuracy=0.5)
    assert best(job, a, b) == "a"
    assert decide(job, BASELINE, (judged(job, BASELINE, a),)).constraints_met is True


def test_a_maximised_objective_takes_the_largest() -> None:
    job = spec(objective={"maximize": "accuracy"})
    a = candidate("a", size=500, accuracy=0.89)
    b = candidate("b", size=300, accuracy=0.5)
    assert best(job, a, b) == "a"


def test_where_no_limit_holds_the_least_relative_violation_is_returned_and_named() -> None:
    job = spec(
        constraints=[{"metric": "size_bytes", "max": 200}, {"metric": "accuracy", "min": 0.9}]
    )
    near = candidate("near", size=240, accuracy=0.89)  # 0.2 + 0.0111
    far = candidate("far", size=201, accuracy=0.6)  # 0.005 + 0.3333
    verdict = decide(job, BASELINE, tuple(judged(job, BASELINE, c) for c in (near, far)))
    assert verdict.best == "near"
    assert verdict.constraints_met is False
    assert "Limits missed: size_bytes is 240, at most 200 allowed; accuracy is 0.89" in (
        verdict.sentence
    )


def test_the_objective_may_be_the_packed_file_which_only_the_last_state_has() -> None:
    job = spec(pipeline=[{"technique": "encode.entropy"}])
    early = candidate("early", size=300, accuracy=0.9)
    packed = Measurement(metric="size_bytes", of="packed", value=40, unit="bytes")
    late = candidate("late", size=900, accuracy=0.9)
    late = late.model_copy(update={"measurements": (*late.measurements, packed)})
    assert best(job, early, late) == "late"
    assert (
        best(
            job.model_copy(update={"objective": Objective(minimize="size_bytes")}), early, late
        )
        == "early"
    )


def test_of_two_equal_candidates_the_later_step_wins() -> None:
    a = candidate("a", size=300, accuracy=0.8)
    assert best(spec(), a, a.model_copy(update={"id": "b"})) == "b"
