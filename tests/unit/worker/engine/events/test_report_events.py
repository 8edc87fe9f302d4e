import pytest

from lathe.job import JobSpec
from lathe.report import (
    Candidate,
    Comparison,
    Environment,
    LayerReport,
    Measurement,
    NoisePoint,
    Report,
    StepReport,
    Verdict,
)
from worker.engine.events.report_events import Point, report_events

SPEC = JobSpec.model_validate(
    {
        "model": "mdl_" + "0" * 26,
        "pipeline": [{"technique": "quantize.dynamic", "id": "int8"}],
    }
)


def file(name: str, size: int, latencies: tuple[float, ...]) -> Candidate:
    compared = Comparison(metric="size_bytes", kind="ratio", change=size / 4000)
    return Candidate(
        id=name,
        file="x.onnx",
        against_baseline=() if name == "baseline" else (compared,),
        sha256="a" * 64,
        measurements=(
            Measurement(metric="size_bytes", value=size, unit="bytes"),
            Measurement(metric="size_bytes", of="packed", value=size // 2, unit="bytes"),
            Measurement(
                metric="latency_ms",
                value=latencies[1],
                unit="ms",
                batch_size=32,
                samples=latencies,
            ),
        ),
    )


def layer(name: str, before: int, after: int, sqnr_db: float | None) -> LayerReport:
    return LayerReport(
        layer=name,
        operator="Conv",
        bytes_before=before,
        bytes_after=after,
        shape_before=(1,),
        shape_after=(1,),
        nonzero=0.75,
        dtype="int8",
        sqnr_db=sqnr_db,
    )


REPORT = Report(
    spec=SPEC,
    verdict=Verdict(best="int8", constraints_met=None, realised="smaller", sentence="Smaller."),
    baseline=file("baseline", 4000, (2.0, 3.0, 7.0)),
    candidates=(file("int8", 1000, (1.0, 1.5, 2.5)),),
    steps=(
        StepReport(
            id="teach",
            technique="train.recover",
            wall_s=8,
            cpu_s=8,
            facts={"size_bytes": 3000, "macs": 70, "parameters": None},
            curve=((0, 2.0), (1, 0.5, 0.75), (2, 0.25, 0.875)),
        ),
        StepReport(id="int8", technique="quantize.dynamic", wall_s=1, cpu_s=1),
    ),
    layers=(layer("conv a:0", 400, 100, 31.5), layer("fc", 40, 0, None)),
    noise=(
        NoisePoint(sigma=0, baseline=0.9, candidate=0.88),
        NoisePoint(sigma=0.05, baseline=0.8, candidate=0.5),
    ),
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


def points(report: Report = REPORT) -> dict[str, list[Point]]:
    found: dict[str, list[Point]] = {}
    for point in report_events(report):
        (value,) = point.summary.value
        found.setdefault(value.tag, []).append(point)
    return found


def scalars(tag: str) -> list[tuple[int, float]]:
    return [(p.step, pytest.approx(p.summary.value[0].simple_value)) for p in points()[tag]]


def test_states_lie_at_their_place_in_the_pipeline_the_baseline_at_zero() -> None:
    assert scalars("measured/size_bytes") == [(0, 4000), (2, 1000)]
    assert scalars("measured/size_bytes_packed") == [(0, 2000), (2, 500)]
    assert scalars("measured/latency_ms_batch_32") == [(0, 3.0), (2, 1.5)]
    assert scalars("steps/size_bytes") == [(1, 3000)]
    assert scalars("steps/macs") == [(1, 70)]
    assert scalars("steps/wall_s") == [(1, 8), (2, 1)]
    assert "steps/parameters" not in points()


def test_a_training_has_its_curves_over_epochs() -> None:
    assert scalars("training/teach/train_loss") == [(0, 2.0), (1, 0.5), (2, 0.25)]
    assert scalars("training/teach/held_out_score") == [(1, 0.75), (2, 0.875)]


def test_layers_are_numbered_and_stand_before_and_after() -> None:
    assert scalars("layers/001_conv_a_0/bytes") == [(0, 400), (2, 100)]
    assert scalars("layers/001_conv_a_0/sqnr_db") == [(2, 31.5)]
    assert scalars("layers/001_conv_a_0/nonzero") == [(2, 0.75)]
    assert scalars("layers/002_fc/bytes") == [(0, 40), (2, 0)]
    assert "layers/002_fc/sqnr_db" not in points()


def test_timed_runs_and_layers_are_histograms_that_count_every_one() -> None:
    found = points()
    for tag, step, low, high, count in (
        ("runs/latency_ms_batch_32", 0, 2.0, 7.0, 3),
        ("layers/bytes", 0, 40.0, 400.0, 2),
        ("layers/sqnr_db", 2, 31.5, 31.5, 1),
    ):
        histogram = found[tag][0].summary.value[0].histo
        assert found[tag][0].step == step
        assert (histogram.min, histogram.max, histogram.num) == (low, high, count)
        assert sum(histogram.bucket) == count
    assert [point.step for point in found["runs/latency_ms_batch_32"]] == [0, 2]


def test_noise_lies_at_percent_of_the_deviation() -> None:
    assert scalars("noise/baseline") == [(0, 0.9), (5, 0.8)]
    assert scalars("noise/candidate") == [(0, 0.88), (5, 0.5)]


def test_the_verdict_and_the_spec_are_texts() -> None:
    found = points()
    said = found["verdict/text_summary"][0].summary.value[0].tensor.string_val
    assert said == [b"Smaller."]
    (spec,) = found["spec/text_summary"][0].summary.value[0].tensor.string_val
    assert b'"quantize.dynamic"' in spec


def test_a_report_without_layers_and_noise_has_no_tags_for_them() -> None:
    bare = REPORT.model_copy(update={"layers": (), "noise": ()})
    assert not [tag for tag in points(bare) if tag.startswith(("layers/", "noise/"))]
