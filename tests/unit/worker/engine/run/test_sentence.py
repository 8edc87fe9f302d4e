from typing import Any

import pytest

from lathe.job import JobSpec
from lathe.report import Candidate, Comparison, Interval, Measurement
from worker.engine.run.realised import realised
from worker.engine.run.sentence import sentence

MODEL = "mdl_" + "0" * 26
SPLIT = {"dataset": "dat_" + "0" * 26, "split": "test"}


def spec(**more: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "model": MODEL,
            "data": {"evaluation": SPLIT},
            "task": {"kind": "classification"},
            "pipeline": [{"technique": "quantize.dynamic"}],
            **more,
        }
    )


def baseline(*, contended: bool = False) -> Candidate:
    return Candidate(
        id="baseline",
        file="net.onnx",
        sha256="",
        measurements=(
            Measurement(metric="accuracy", value=0.9912, unit="fraction"),
            Measurement(metric="latency_ms", value=0.31, unit="ms", contended=contended),
        ),
    )


def small_and_fast(**changes: Any) -> Candidate:
    values = {"size": 1 / 12.4, "speed": 1 / 3.1, "spread": (0.3, 0.35), **changes}
    compared = [
        Comparison(metric="size_bytes", kind="ratio", change=values["size"]),
        Comparison(
            metric="latency_ms",
            kind="ratio",
            change=values["speed"],
            interval=Interval(low=values["spread"][0], high=values["spread"][1]),
            batch_size=1,
        ),
        Comparison(
            metric="accuracy",
            kind="difference",
            change=-0.0017,
            interval=Interval(low=-0.0035, high=0.0001),
            examples=10_000,
        ),
    ]
    made = Candidate(
        id="int8",
        file="net-int8.onnx",
        sha256="",
        measurements=(Measurement(metric="accuracy", value=0.9895, unit="fraction"),),
        against_baseline=tuple(compared),
    )
    return made.model_copy(update={"realised": realised(baseline(), made)})


def test_the_sentence_of_a_good_result_names_size_speed_and_quality() -> None:
    assert sentence(spec(), baseline(), small_and_fast()) == (
        "12.4x smaller and 3.1x faster at batch 1; accuracy 99.12 -> 98.95 % (-0.17 points, "
        "95 % interval -0.35 to +0.01, 10,000 examples)."
    )


def test_a_student_is_named_as_another_network() -> None:
    student = "mdl_" + "1" * 26
    teach = {"technique": "train.distill", "student": student}
    asked = spec(pipeline=[teach], data={"evaluation": SPLIT, "train": SPLIT})
    said = sentence(asked, baseline(), small_and_fast())
    assert said.endswith(f". The network is another one, the student {student}.")


def test_a_result_that_is_neither_says_exactly_that() -> None:
    useless = small_and_fast(size=1.02, speed=1.05, spread=(1.01, 1.09))
    assert sentence(spec(), baseline(), useless).startswith(
        "Neither smaller nor faster: larger (1.02x the baseline's bytes), "
        "1.05x slower at batch 1; accuracy"
    )


def test_smaller_but_slower_is_said_in_one_breath() -> None:
    slow = small_and_fast(speed=1.4, spread=(1.3, 1.5))
    assert sentence(spec(), baseline(), slow).startswith(
        "12.4x smaller, but 1.4x slower at batch 1;"
    )


def test_an_interval_around_one_is_not_surely_faster() -> None:
    unsure = small_and_fast(speed=0.98, spread=(0.93, 1.02))
    assert sentence(spec(), baseline(), unsure).startswith(
        "12.4x smaller, but not surely faster at batch 1 (0.98 times the baseline's time, "
        "95 % interval 0.93 to 1.02);"
    )


def test_a_disturbed_timing_claims_no_speed() -> None:
    words = sentence(spec(), baseline(contended=True), small_and_fast())
    assert words.startswith(
        "12.4x smaller, but no speed-up is claimed at batch 1, where other work"
    )


def test_faster_but_not_smaller_leads_with_the_speed() -> None:
    quick = small_and_fast(size=0.995)
    assert sentence(spec(), baseline(), quick).startswith(
        "3.1x faster at batch 1, but practically the same size (99.5 % of the baseline's "
        "bytes);"
    )


def test_other_batch_sizes_stand_in_brackets() -> None:
    made = small_and_fast()
    wide = Comparison(metric="latency_ms", kind="ratio", change=1.25, batch_size=32)
    made = made.model_copy(update={"against_baseline": (*made.against_baseline, wide)})
    words = sentence(spec(), baseline(), made)
    assert words.startswith("12.4x smaller and 3.1x faster at batch 1 [batch 32: 1.2x slower];")


@pytest.mark.parametrize(
    ("onnx", "packed", "told"),
    [
        (1 / 3.9, 1 / 41.2, "41.2x smaller packed (3.9x unpacked) and 3.1x faster at batch 1;"),
        (1.001, 1 / 218.4, "218.4x smaller packed (as large as before unpacked) and 3.1x fast"),
        (1.25, 0.5, "2.0x smaller packed (1.2x larger unpacked) and 3.1x faster at batch 1;"),
        (0.5, 1.02, "3.1x faster at batch 1, but packed larger (1.02x the baseline's bytes);"),
    ],
)
def test_a_packed_file_is_told_with_what_it_unpacks_to(
    onnx: float, packed: float, told: str
) -> None:
    made = small_and_fast(size=onnx)
    ratio = Comparison(metric="size_bytes", of="packed", kind="ratio", change=packed)
    made = made.model_copy(update={"against_baseline": (*made.against_baseline, ratio)})
    assert sentence(spec(), baseline(), made).startswith(told)


def test_without_task_and_benchmark_only_the_size_is_told() -> None:
    bare = spec(task=None, benchmark=None)
    made = small_and_fast()
    made = made.model_copy(
        update={"against_baseline": made.against_baseline[:1], "realised": "unmeasured"}
    )
    assert sentence(bare, baseline(), made) == "12.4x smaller; nothing else was measured."


def test_limits_are_named_whether_they_hold_or_not() -> None:
    limited = spec(constraints=[{"metric": "accuracy", "max_drop": 0.001}])
    made = small_and_fast()
    assert sentence(limited, baseline(), made).endswith("examples). The limit holds.")
    missed = made.model_copy(update={"violations": ("accuracy dropped by 0.0017",)})
    assert sentence(limited, baseline(), missed).endswith(
        "examples). Limit missed: accuracy dropped by 0.0017."
    )
