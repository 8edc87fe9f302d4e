import pytest

from lathe.report import Candidate, Comparison, Interval, Measurement
from worker.engine.run.realised import realised


def timed(*, contended: bool = False) -> Candidate:
    latency = Measurement(
        metric="latency_ms", value=3.0, unit="ms", batch_size=1, contended=contended
    )
    return Candidate(id="x", file="x.onnx", sha256="", measurements=(latency,))


def against(
    *, size: float, latency: tuple[float, float] | None, contended: bool = False
) -> Candidate:
    compared = [Comparison(metric="size_bytes", kind="ratio", change=size)]
    if latency is not None:
        span = Interval(low=latency[0], high=latency[1])
        compared.append(
            Comparison(metric="latency_ms", kind="ratio", change=latency[0], interval=span)
        )
    made = timed(contended=contended)
    return made.model_copy(update={"against_baseline": tuple(compared)})


@pytest.mark.parametrize(
    ("size", "latency", "expected"),
    [
        (0.99, (0.4, 0.6), "smaller_and_faster"),
        (0.991, (0.4, 0.999), "faster"),
        (0.2, (0.9, 1.0), "smaller"),
        (1.0, (0.9, 1.1), "neither"),
        (0.2, None, "unmeasured"),
    ],
)
def test_smaller_means_one_percent_and_faster_means_surely(
    size: float, latency: tuple[float, float] | None, expected: str
) -> None:
    assert realised(timed(), against(size=size, latency=latency)) == expected


def test_a_contended_timing_claims_no_speed_whichever_file_it_hit() -> None:
    quick = against(size=0.5, latency=(0.1, 0.2))
    assert realised(timed(contended=True), quick) == "smaller"
    assert realised(timed(), against(size=1.0, latency=(0.1, 0.2), contended=True)) == "neither"


def test_the_first_batch_size_decides() -> None:
    mixed = against(size=1.0, latency=(1.2, 1.3))
    later = Comparison(
        metric="latency_ms", kind="ratio", change=0.5, interval=Interval(low=0.4, high=0.6)
    )
    mixed = mixed.model_copy(update={"against_baseline": (*mixed.against_baseline, later)})
    assert realised(timed(), mixed) == "neither"


def test_a_packed_file_that_was_asked_for_is_the_one_that_counts() -> None:
    for onnx, packed, expected in ((1.0, 0.02, "smaller"), (0.5, 1.01, "neither")):
        made = against(size=onnx, latency=(1.0, 1.1))
        ratio = Comparison(metric="size_bytes", of="packed", kind="ratio", change=packed)
        made = made.model_copy(update={"against_baseline": (*made.against_baseline, ratio)})
        assert realised(timed(), made) == expected


def test_quality_alone_is_a_measurement() -> None:
    judged = against(size=0.5, latency=None)
    score = Comparison(metric="accuracy", kind="difference", change=-0.01)
    judged = judged.model_copy(update={"against_baseline": (*judged.against_baseline, score)})
    assert realised(timed(), judged) == "smaller"
