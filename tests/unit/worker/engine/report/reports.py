"""Reports to draw: a small one, and one with everything in it, its names hostile."""

from typing import Any

from lathe.confusion import ConfusedPair, Confusions
from lathe.job import JobSpec
from lathe.report import (
    Candidate,
    Comparison,
    Environment,
    GroupScore,
    Interval,
    LayerReport,
    LayerSensitivity,
    Measurement,
    NoiseCheck,
    NoisePoint,
    Report,
    StepReport,
)
from worker.engine.run.verdict import decide, judged

HOSTILE = "<img src=x onerror=alert(1)>\"'&"


def spec(**more: Any) -> JobSpec:
    return JobSpec.model_validate(
        {
            "name": HOSTILE,
            "model": "mdl_" + "0" * 26,
            "data": {"evaluation": {"dataset": "dat_" + "0" * 26, "split": "test"}},
            "task": {"kind": "classification"},
            "pipeline": [{"technique": "quantize.dynamic", "id": "int8"}],
            "constraints": [{"metric": "accuracy", "max_drop": 0.01}],
            **more,
        }
    )


def measurements(size: float, latency: float, accuracy: float) -> tuple[Measurement, ...]:
    return (
        Measurement(metric="size_bytes", value=size, unit="bytes"),
        Measurement(
            metric="latency_ms",
            value=latency,
            unit="ms",
            batch_size=1,
            samples=(latency, latency * 1.1, latency * 1.2),
        ),
        Measurement(metric="accuracy", value=accuracy, unit="fraction"),
    )


def compared() -> tuple[Comparison, ...]:
    return (
        Comparison(metric="size_bytes", kind="ratio", change=0.25),
        Comparison(
            metric="latency_ms",
            kind="ratio",
            change=0.5,
            interval=Interval(low=0.4, high=0.6),
            batch_size=1,
        ),
        Comparison(
            metric="accuracy",
            kind="difference",
            change=-0.02,
            interval=Interval(low=-0.03, high=-0.01),
            examples=1234,
        ),
    )


def report(job: JobSpec, **more: Any) -> Report:
    baseline = Candidate(
        id="baseline", file="a.onnx", sha256="a" * 64, measurements=measurements(4096, 3, 0.9)
    )
    after = Candidate(
        id="int8",
        file="b.onnx",
        sha256="b" * 64,
        measurements=measurements(1024, 1.5, 0.88),
        against_baseline=compared(),
    )
    after = judged(job, baseline, after)
    values = {
        "spec": job,
        "verdict": decide(job, baseline, (after,)),
        "baseline": baseline,
        "candidates": (after,),
        "steps": (StepReport(id="int8", technique="quantize.dynamic", wall_s=1.5, cpu_s=1),),
        "environment": Environment(
            lathe_version="0",
            libraries={"onnx": "1"},
            cpu=HOSTILE,
            cores=2,
            threads=1,
            device="cpu",
            platform="Linux",
            seed=17,
        ),
        **more,
    }
    return Report.model_validate(values)


def full() -> Report:
    layer = LayerReport(
        layer=HOSTILE,
        operator="Conv",
        bytes_before=400,
        bytes_after=100,
        shape_before=(8, 3),
        shape_after=(4, 3),
        factors_after=((2, 3), (4, 2)),
        nonzero=0.75,
        dtype="int8",
        sqnr_db=30.0,
        executed_as=HOSTILE,
    )
    score = GroupScore(
        name=HOSTILE,
        examples=7,
        baseline={"recall": 0.9},
        candidate={"recall": 0.8},
        lost=2,
        gained=1,
    )
    pair = ConfusedPair(label=HOSTILE, answer="b", baseline=1, candidate=3)
    step = StepReport(
        id="int8",
        technique="quantize.dynamic",
        wall_s=75,
        cpu_s=0.2,
        facts={HOSTILE: HOSTILE, "left_float": None, "exact": True},
        curve=((1, 0.5, 0.7), (2, 0.4, 0.8)),
        sensitivities=(
            LayerSensitivity(
                layer=HOSTILE, weight=HOSTILE, change="4 bits", loss=0.0625, bytes_saved=1234567
            ),
            LayerSensitivity(layer="l", weight="w", change="2 bits", loss=None, bytes_saved=0),
        ),
    )
    return report(
        spec(),
        layers=(layer, layer.model_copy(update={"bytes_after": 0, "sqnr_db": None})),
        classes=(score,),
        groups=(score.model_copy(update={"lost": None, "gained": None}),),
        confusions=Confusions(
            classes=(HOSTILE, "b"),
            baseline=((4, 1), (0, 2)),
            candidate=((2, 3), (0, 2)),
            pairs=(pair,),
        ),
        worst_classes=(HOSTILE,),
        steps=(step, step.model_copy(update={"id": "again", "facts": {"size_bytes": 9}})),
        warnings=(HOSTILE,),
        noise=(
            NoisePoint(sigma=0, baseline=0.9, candidate=0.88),
            NoisePoint(sigma=0.1, baseline=0.8, candidate=0.7),
        ),
        noise_check=NoiseCheck(examples=500, of=2000, wall_s=2.5, stopped=HOSTILE),
    )
