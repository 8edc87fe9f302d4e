from typing import Any

from lathe.job import JobSpec
from lathe.report import (
    Candidate,
    Comparison,
    Environment,
    Interval,
    Measurement,
    Report,
    StepReport,
    Verdict,
)
from worker.engine.report.by_step import Ladder, Rung, ladder

NAMES = ("prune", "teach", "int8")


def spec(**more: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "model": "mdl_" + "0" * 26,
            "data": {"evaluation": {"dataset": "dat_" + "0" * 26, "split": "test"}},
            "task": {"kind": "classification"},
            "pipeline": [{"technique": "quantize.dynamic", "id": "int8"}],
            "constraints": [{"metric": "accuracy", "max_drop": 0.03}],
            **more,
        }
    )


def file(name: str, size: float, latency: float, accuracy: float, lost: float) -> Candidate:
    compared = Comparison(
        metric="accuracy",
        kind="difference",
        change=lost,
        interval=Interval(low=lost - 0.01, high=lost + 0.01),
    )
    return Candidate(
        id=name,
        file=f"{name}.onnx",
        sha256="a" * 64,
        measurements=(
            Measurement(metric="size_bytes", value=size, unit="bytes"),
            Measurement(metric="latency_ms", value=latency, unit="ms", batch_size=8),
            Measurement(metric="accuracy", value=accuracy, unit="fraction"),
            Measurement(metric="macs", value=4_000_000, unit=""),
        ),
        against_baseline=() if name == "baseline" else (compared,),
    )


def step(name: str, **facts: int) -> StepReport:
    return StepReport(id=name, technique="t", wall_s=1, cpu_s=1, facts=dict(facts))


def report(*candidates: Candidate, steps: tuple[StepReport, ...]) -> Report:
    return Report(
        spec=spec(),
        verdict=Verdict(
            best="int8", constraints_met=True, realised="smaller", sentence="Smaller."
        ),
        baseline=file("baseline", 4000, 2.0, 0.9, 0),
        candidates=candidates,
        steps=steps,
        environment=Environment(
            lathe_version="0",
            libraries={},
            cpu="c",
            cores=1,
            threads=1,
            device="cpu",
            platform="p",
            seed=0,
        ),
    )


def found(*candidates: Candidate, steps: tuple[StepReport, ...]) -> Ladder:
    made = ladder(report(*candidates, steps=steps))
    assert made is not None
    return made


COUNTED = (
    step("prune", size_bytes=2000, macs=1_000_000),
    step("teach", size_bytes=2000, macs=1_000_000),
    step("int8", size_bytes=550, macs=1_000_000),
)


def test_of_one_step_there_is_nothing_to_tell_apart() -> None:
    assert ladder(report(file("int8", 1, 1, 0.9, 0), steps=COUNTED[:1])) is None


def test_a_state_that_was_not_measured_shows_what_its_step_counted() -> None:
    made = found(file("int8", 500, 1.0, 0.88, -0.02), steps=COUNTED)
    size = made.costs[0]
    assert size.title == "File size"
    assert size.rungs == [
        Rung("baseline", "3.91 KiB", "", 1.0),
        Rung("prune", "1.95 KiB", "-50 %", 0.5),
        Rung("teach", "1.95 KiB", "", 0.5),
        Rung("int8", "500 B", "-75 %", 0.125),
    ]
    macs = made.costs[1]
    assert [rung.value for rung in macs.rungs] == ["4.00 M", "1.00 M", "1.00 M", "4.00 M"]
    assert not made.whole


def test_a_change_is_against_the_last_state_that_has_a_number() -> None:
    made = found(file("int8", 500, 1.0, 0.88, -0.02), steps=COUNTED)
    latency = made.costs[2]
    assert latency.title == "Latency, batch 8"
    assert latency.rungs == [
        Rung("baseline", "2.00 ms", "", 1.0),
        Rung("prune", None),
        Rung("teach", None),
        Rung("int8", "1.00 ms", "-50 %", 0.5),
    ]


def test_steps_of_an_older_cache_have_no_size_and_are_not_drawn() -> None:
    old = (step("prune", macs=5), step("teach"), step("int8"))
    made = found(file("int8", 500, 1.0, 0.88, -0.02), steps=old)
    assert [rung.value for rung in made.costs[0].rungs] == ["3.91 KiB", None, None, "500 B"]


def test_scores_lie_on_one_axis_with_the_limit_and_their_intervals() -> None:
    files = [
        file(name, 500, 1.0, 0.9 + lost, lost)
        for name, lost in zip(NAMES, (-0.2, -0.01, -0.02), strict=True)
    ]
    made = found(*files, steps=COUNTED)
    assert made.whole
    score = made.score
    assert score is not None
    # from -0.21 to 0.00 with 12 % of that on both sides: 0.26040 in all
    assert [rung.value for rung in score.rungs] == ["90.00 %", "70.00 %", "89.00 %", "88.00 %"]
    assert [rung.change for rung in score.rungs] == ["", "-20.00", "-1.00", "-2.00"]
    assert round(score.zero, 4) == round((0.21 + 0.0252) / 0.2604, 4)
    assert score.limit is not None
    assert round(score.limit, 4) == round((0.18 + 0.0252) / 0.2604, 4)
    spot = score.rungs[1].spot
    assert spot is not None
    assert round(spot.at, 4) == round((0.01 + 0.0252) / 0.2604, 4)
    assert spot.low < spot.at < spot.high < score.limit


def test_a_packed_file_is_the_one_that_counts() -> None:
    after = file("int8", 500, 1.0, 0.88, -0.02)
    packed = {
        "file": "b.packed",
        "sha256": "c" * 64,
        "size_bytes": 100,
        "profile": "small",
        "parts": {},
        "encode_s": 1,
        "decode_s": 1,
    }
    after = Candidate.model_validate(after.model_dump() | {"packed": packed})
    made = found(after, steps=COUNTED)
    assert made.costs[0].rungs[-1].value == "100 B"
    assert made.costs[0].rungs[-1].change == "-95 %"
