"""A thousand jobs of one project in front of real workers, and the single job of another.

The workers' engine is the stand-in one: whose turn it is does not depend on what is done then.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.store import feed, jobs
from app.store.rows import Job, Model
from lathe import ids
from lathe.job import JobSpec, Resources
from lathe.states import JobState, Queue
from lathe.techniques.optimize import OptimizeGraph
from tests.services.worker.conftest import database_url, deployment, on_both_databases, shop
from tests.services.worker.crew import STAND_IN, Crew
from tests.services.worker.shop import Shop

__all__ = ["database_url", "deployment", "shop"]

MANY = 1000
HASTE_S = 0.3  # a claim that began before a job was committed does not see it
JOB = json.dumps({"pause_s": 1.0}).encode()  # a model whose jobs take that long
TURN_S = 2.0  # between the end of a job and the beginning of the next one, on a busy machine


@pytest.fixture
def other(shop: Shop, tmp_path: Path) -> Iterator[Shop]:
    """Another project of the same service."""
    other = Shop.open(shop.database_url, tmp_path)
    yield other
    other.close()


@pytest.fixture
def crew(deployment: dict[str, str], tmp_path: Path, slots: int) -> Iterator[Crew]:
    environment = deployment | {"LATHE_SLOTS": str(slots), "LATHE_THREADS": "1"}
    crew = Crew(environment, tmp_path / "logs", STAND_IN)
    crew.sweep()
    yield crew
    crew.dismiss()


def spec(model_id: str, priority: int, seed: int = 0) -> JobSpec:
    return JobSpec(
        seed=seed,
        model=model_id,
        pipeline=(OptimizeGraph(id="clean"),),
        resources=Resources(device="cpu", priority=priority),
    )


def crowd(shop: Shop, model_id: str) -> None:
    """Many urgent jobs in one go."""
    with shop.sessions.begin() as session:
        for seed in range(MANY):  # or one's step would be the next one's, too
            job, steps = jobs.compress(
                shop.project_id, spec(model_id, 9, seed), Queue.CPU, "req"
            )
            session.add(job)
            session.flush()
            feed.append(session, job.id, "queued", {"queue": job.queue})
            session.add_all(steps)


def crowd_of_uploads(shop: Shop) -> None:
    """Many models that wait for their inspection."""
    first, _ = shop.upload_model(JOB)
    (row,) = shop.rows(Model, id=first)
    with shop.sessions.begin() as session:
        for _ in range(MANY - 1):
            model_id = ids.new("mdl")
            session.add(
                Model(
                    id=model_id, project_id=shop.project_id, upload_blob_id=row.upload_blob_id
                )
            )
            session.flush()
            job = jobs.inspect(shop.project_id, "req", model_id=model_id)
            session.add(job)
            session.flush()
            feed.append(session, job.id, "queued", {"queue": job.queue})


def finished(shop: Shop, queue: Queue) -> int:
    with shop.sessions() as session:
        session.connection(execution_options={"read_only": True})
        ended = select(func.count()).where(
            Job.project_id == shop.project_id, Job.queue == queue, Job.state == "succeeded"
        )
        return session.execute(ended).scalar_one()


def all_busy(shop: Shop, slots: int) -> bool:
    """Every slot has a job of the crowd, and has had one before."""
    return shop.in_state(JobState.RUNNING) == slots


def judge(shop: Shop, other: Shop, single: str, what: str) -> None:
    """The single job had the first slot that fell free behind a job that ran when it came."""
    mine = other.job(single)
    assert mine.started_at is not None
    came, began = mine.created_at, mine.started_at
    with shop.sessions() as session:
        session.connection(execution_options={"read_only": True})
        crowd = select(Job.started_at, Job.finished_at).where(
            Job.project_id == shop.project_id, Job.started_at.is_not(None)
        )
        spans = [(row[0], row[1]) for row in session.execute(crowd)]
    late = came + timedelta(seconds=HASTE_S)
    past = [a for a, _ in spans if a and late < a < began]
    running = [(a, b) for a, b in spans if a and b and a < began and b > came]
    delay_s = (began - came).total_seconds()
    job_s = max((b - a).total_seconds() for a, b in running)
    left = shop.in_state(JobState.QUEUED)
    print(  # noqa: T201 - the figures are the proof; -rP shows them
        f"{what}: delayed {delay_s:.2f} s by a job of {job_s:.2f} s; {left} jobs of the other "
        "project were left"
    )
    assert left > MANY - 100
    assert past == []
    assert delay_s <= job_s + TURN_S


@pytest.mark.parametrize("slots", [1, 2])
@on_both_databases
def test_a_thousand_urgent_jobs_delay_anothers_single_one_by_at_most_one_jobs_time(
    shop: Shop, other: Shop, crew: Crew, slots: int
) -> None:
    crowd(shop, shop.ready_model(JOB))
    of_the_other = other.ready_model(JOB)
    crew.hire("c", "cpu")
    crew.until(lambda: finished(shop, Queue.CPU) >= 2 * slots, within_s=300)
    crew.until(lambda: all_busy(shop, slots))
    single = other.submit(spec(of_the_other, priority=0))
    crew.until(lambda: other.job(single).state == JobState.SUCCEEDED, within_s=300)
    crew.until(lambda: finished(shop, Queue.CPU) >= 4 * slots, within_s=300)
    judge(shop, other, single, f"{slots} slots on {shop.engine.dialect.name}")


@pytest.mark.parametrize("slots", [1])
@on_both_databases
def test_a_thousand_uploads_delay_anothers_single_inspection_by_at_most_one(
    shop: Shop, other: Shop, crew: Crew, slots: int
) -> None:
    crowd_of_uploads(shop)
    crew.hire("i", "intake")
    crew.until(lambda: finished(shop, Queue.INTAKE) >= 2 * slots, within_s=300)
    crew.until(lambda: all_busy(shop, slots))
    _, single = other.upload_model(JOB)
    crew.until(lambda: other.job(single).state == JobState.SUCCEEDED, within_s=300)
    crew.until(lambda: finished(shop, Queue.INTAKE) >= 4 * slots, within_s=300)
    judge(shop, other, single, f"intake on {shop.engine.dialect.name}")
