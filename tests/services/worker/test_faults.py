"""Thirty real jobs under kill -9, SIGSTOP and an emptied broker: none lost, none done twice."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store.rows import Artifact, Blob, Model
from lathe.job import JobSpec
from lathe.states import JobKind, JobState, UploadState
from lathe.techniques.optimize import OptimizeGraph
from lathe.techniques.quantize import QuantizeDynamic
from stacks.valkey import Valkey
from tests.services.worker.conftest import on_both_databases
from tests.services.worker.crew import Crew
from tests.services.worker.nets import perceptron
from tests.services.worker.shop import Shop

INSPECTIONS, COMPRESSIONS = 12, 18
LEASE_S = 2.0
PLAN = {"children": 6, "workers": 4, "freezes": 2, "flushes": 1}
WITHIN_S = 180.0
FILES = {"onnx": 1, "report.json": 1, "report.html": 1, "bom": 1, "manifest": 1}
pytestmark = on_both_databases


@pytest.fixture
def crew(deployment: dict[str, str], tmp_path: Path) -> Iterator[Crew]:
    more = {
        "LATHE_LEASE_S": str(LEASE_S),
        "LATHE_SWEEP_S": "0.3",
        "LATHE_REHINT_S": "1.5",
        "LATHE_THREADS": "1",
        "LATHE_SANDBOX": "auto",
    }
    crew = Crew(deployment | more, tmp_path / "logs")
    yield crew
    crew.dismiss()


def ready_model(shop: Shop) -> str:
    model_id, job_id = shop.upload_model(perceptron(0))
    deadline = time.monotonic() + 60
    while shop.job(job_id).state != JobState.SUCCEEDED:
        assert time.monotonic() < deadline, shop.job(job_id).failure
        time.sleep(0.1)
    return model_id


def submit_all(shop: Shop, model_id: str) -> list[str]:
    jobs = [shop.upload_model(perceptron(1 + n))[1] for n in range(INSPECTIONS)]
    for seed in range(COMPRESSIONS):
        spec = JobSpec(
            model=model_id,
            pipeline=(OptimizeGraph(id="clean"), QuantizeDynamic(id="int8")),
            seed=seed,
        )
        jobs.append(shop.submit(spec))
    return jobs


def wreak_havoc(crew: Crew, shop: Shop, valkey: Valkey) -> dict[str, int]:
    """Hurt the workers every half second, in a seeded order; returns what was done."""
    dice = random.Random(7)
    plan = [kind for kind, times in PLAN.items() for _ in range(times)]
    dice.shuffle(plan)
    done = dict.fromkeys(PLAN, 0)
    for what in plan:
        time.sleep(dice.uniform(0.3, 0.7))
        name = dice.choice(crew.names)
        match what:
            case "children":
                done[what] += kill_a_child(crew, shop)
                continue
            case "workers":
                crew.kill(name)
            case "freezes":
                crew.freeze(name, for_s=1.5 * LEASE_S)
            case _:
                valkey.flush()
        done[what] += 1
    return done


def kill_a_child(crew: Crew, shop: Shop) -> int:
    """Kill the first child found whose job may crash once more without failing."""
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        for name in crew.names:
            found = crew.child_of(name)
            if found is not None and shop.job(found[1]).crashes == 0:
                try:
                    os.kill(found[0], signal.SIGKILL)
                except ProcessLookupError:  # it has just ended
                    continue
                return 1
        time.sleep(0.01)
    return 0


def finished_rightly(shop: Shop, job_id: str) -> int:
    """How often the job succeeded, having checked that what it left is whole."""
    job = shop.job(job_id)
    if job.state != JobState.SUCCEEDED:
        return 0
    if job.kind == JobKind.INSPECT:
        (model,) = shop.rows(Model, id=job.model_id)
        assert model.state == UploadState.READY
        blobs = [model.canonical_blob_id]
    else:
        artifacts = shop.rows(Artifact, job_id=job_id)
        kinds = [artifact.kind for artifact in artifacts]
        assert {kind: kinds.count(kind) for kind in set(kinds)} == FILES
        assert all(step.fraction == 1.0 for step in shop.steps(job_id))
        blobs = [artifact.blob_id for artifact in artifacts]
    for blob_id in blobs:
        (blob,) = shop.rows(Blob, id=blob_id)
        assert shop.objects.read_to_file(blob.key, shop.folder / "check") == blob.sha256
    return [event.type for event in shop.events(job_id)].count("succeeded")


def test_no_job_is_lost_or_done_twice(
    database_url: str,
    crew: Crew,
    valkey: Valkey,
    shop: Shop,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, queue in (("a", "intake"), ("b", "cpu"), ("c", "cpu")):
        crew.hire(name, queue)
    for _ in range(2):
        crew.sweep()
    jobs = submit_all(shop, ready_model(shop))
    begin_s = time.monotonic()
    done = wreak_havoc(crew, shop, valkey)
    while shop.in_state(JobState.QUEUED) + shop.in_state(JobState.RUNNING):
        assert time.monotonic() - begin_s < WITHIN_S, crew.log()
        time.sleep(0.2)
    successes = [finished_rightly(shop, job_id) for job_id in jobs]
    lost, twice = successes.count(0), sum(count > 1 for count in successes)
    attempts = sum(shop.job(job_id).attempt for job_id in jobs)
    with capsys.disabled():
        database = database_url.split(":", maxsplit=1)[0]
        spent_s = time.monotonic() - begin_s
        print(  # noqa: T201 - the line people look for
            f"\n{database} + valkey: {len(jobs)} jobs, {attempts} attempts, killed "
            f"{done['children']} children and {done['workers']} workers, froze "
            f"{done['freezes']}, emptied the broker {done['flushes']}x, {spent_s:.0f} s: "
            f"lost={lost} twice={twice}"
        )
    assert (lost, twice) == (0, 0), crew.log()
    assert attempts > len(jobs), "the faults hit nobody"
    assert done["children"] >= PLAN["children"] / 2, done
