"""What the caps of a job are made of."""

import os
from pathlib import Path

import pytest

from app.store.queue import Claim, Fence
from lathe.job import Benchmark, JobSpec, Resources
from lathe.states import JobKind, Queue
from lathe.techniques.optimize import OptimizeGraph
from worker.folder import JobFolder
from worker.sandbox import caps
from worker.sandbox.rules import rules
from worker.settings import Settings

FOLDER = JobFolder(Path("/job"))
SETTINGS = Settings(threads=3, inspect_max_run_s=50)


def claim(benchmark: Benchmark | None, kind: JobKind = JobKind.COMPRESS) -> Claim:
    spec = JobSpec(
        model="mdl_01k3aaaaaaaaaaaaaaaaaaaaaa",
        pipeline=(OptimizeGraph(id="clean"),),
        benchmark=benchmark,
        resources=Resources(max_run_s=100),
    )
    return Claim(
        fence=Fence("job_1", 1),
        project_id="prj_a",
        kind=kind,
        queue=Queue.CPU,
        spec=spec.model_dump(mode="json"),
        model_id=None,
        dataset_id=None,
        waited_s=0.0,
        traceparent=None,
    )


@pytest.mark.parametrize(
    ("benchmark", "cpu_s"),
    [
        (None, 400),
        (Benchmark(threads=1), 400),
        (Benchmark(threads=5), 600),
        (Benchmark(threads=256), 800),
    ],
)
def test_cpu_time_is_that_of_the_threads_that_the_job_may_have(
    benchmark: Benchmark | None, cpu_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(7)))
    assert rules(claim(benchmark), SETTINGS, FOLDER).cpu_s == cpu_s


def test_an_inspection_has_the_threads_of_its_worker() -> None:
    policy = rules(claim(None, JobKind.INSPECT), SETTINGS, FOLDER)
    assert policy.cpu_s == 200


def test_too_many_threads_names_the_field_that_asks_for_them() -> None:
    said = caps.too_many_threads(rules(claim(None), SETTINGS, FOLDER)).detail
    assert "benchmark.threads" in said
