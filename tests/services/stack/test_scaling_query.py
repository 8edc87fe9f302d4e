"""The question that KEDA asks the database, as the chart writes it, on a real PostgreSQL."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from app.store.clock import db_month_start
from app.store.db import sessions, sync_engine
from app.store.queue import claim
from app.store.quotas.limits import set_limit
from app.store.rows import Attempt, Job, Project
from app.store.rows.base import utc_now
from app.store.turns import Takes
from lathe.states import Queue
from tests.unit.stack.chart import of_kind, rendered, values

NO_LIMITS: dict[str, str] = {}
LIMITS = {
    "LATHE_RUNNING_PER_PROJECT": "2",
    "LATHE_RUNNING_GPU_PER_PROJECT": "3",
    "LATHE_QUOTA_GPU_MINUTES": "30",
}


@dataclass(frozen=True)
class Has:
    """A project: its jobs in one queue, limits of its own, and minutes that are over, from so
    many before this month began; each has 50 more of last month."""

    runs: int = 0
    waits: int = 0
    own: dict[str, int | None] = field(default_factory=dict)
    minutes: int = 0
    before_the_month: int = 0


GPU = {
    "waits_for_room": (Has(runs=1, waits=4), 3),
    "has_one_limit_for_all_queues": (Has(waits=2, own={"running_jobs": 1}), 1),
    "has_none": (Has(waits=5, own={"running_gpu": None, "running_jobs": 1}), 5),
    "has_more_than_it_may": (Has(runs=3, waits=1, own={"running_gpu": 2}), 3),
    "may_run_none": (Has(waits=3, own={"running_gpu": 0}), 0),
    "spent_its_minutes": (Has(runs=1, waits=2, minutes=31), 1),
    "has_minutes_left": (Has(waits=2, minutes=29), 2),
    "has_any_number_of_minutes": (Has(waits=2, own={"gpu_minutes": None}, minutes=31), 2),
    "has_fewer_minutes": (Has(waits=2, own={"gpu_minutes": 20}, minutes=20), 0),
    "may_have_none": (Has(waits=1, own={"gpu_minutes": 0}), 0),
    "spent_them_last_month": (Has(waits=1, minutes=45, before_the_month=20), 1),
}


@pytest.fixture
def engine(postgres_database_url: str) -> Iterator[Engine]:
    engine = sync_engine(postgres_database_url)
    yield engine
    engine.dispose()


def asked(engine: Engine, queue: str, settings: dict[str, str]) -> object:
    """What KEDA is answered."""
    chart = rendered(values("gpu") | {"settings": settings})
    scaled = of_kind(chart, "ScaledObject")[f"lathe-worker-{queue}"]
    (trigger,) = scaled["spec"]["triggers"]
    with engine.connect() as connection:
        return connection.scalar(text(trigger["metadata"]["query"]))


def add(session: Session, queue: Queue, name: str, has: Has) -> None:
    """The project with all that it has."""
    project = f"prj_{name}"
    session.add(Project(id=project, name=name))
    session.flush()
    for number in range(has.runs + has.waits):
        state = "running" if number < has.runs else "queued"
        job = f"job_{name}_{number}"
        session.add(Job(id=job, project_id=project, kind="compress", queue=queue, state=state))
    for limit, most in has.own.items():
        set_limit(session, project, limit, most)
    month: datetime = session.execute(select(db_month_start())).scalar_one()
    began = month - timedelta(minutes=has.before_the_month)
    long_ago = month - timedelta(days=3)
    for attempt, begins, minutes in (1, long_ago, 50), (2, began, has.minutes):
        times = {"started_at": begins, "ended_at": begins + timedelta(minutes=minutes)}
        session.add(
            Attempt(job_id=name, attempt=attempt, project_id=project, queue=queue, **times)
        )


def after_claims(engine: Engine, queue: Queue, takes: Takes) -> int:
    """How many jobs run once workers have taken all that they may."""
    while True:
        with sessions(engine).begin() as session:
            if claim(session, queue, "worker", 60.0, takes) is None:
                break
    counted = select(func.count()).where(Job.queue == queue, Job.state == "running")
    with engine.connect() as connection:
        return connection.scalar(counted) or 0


@pytest.mark.parametrize(("queue", "wanted"), [("gpu", 3), ("cpu", 1), ("intake", 0)])
def test_a_pool_has_as_many_workers_as_jobs_that_run_or_may_begin(
    engine: Engine, queue: str, wanted: int
) -> None:
    def job(name: str, **values: Any) -> Job:
        return Job(id=f"job_{name}", project_id="prj_a", kind="compress", **values)

    soon, past = utc_now() + timedelta(seconds=60), utc_now() - timedelta(seconds=60)
    with sessions(engine).begin() as session:
        session.add(Project(id="prj_a", name="a"))
        session.flush()
        session.add_all(
            [
                job("waits", queue="gpu"),
                job("runs", queue="gpu", state="running"),
                job("due", queue="gpu", not_before=past),
                job("deferred", queue="gpu", not_before=soon),
                job("done", queue="gpu", state="succeeded"),
                job("failed", queue="cpu", state="failed"),
                job("other", queue="cpu"),
            ]
        )
    assert asked(engine, queue, NO_LIMITS) == wanted


@pytest.mark.parametrize("name", GPU)
def test_a_gpu_is_kept_for_no_job_that_a_quota_bars(engine: Engine, name: str) -> None:
    has, wanted = GPU[name]
    with sessions(engine).begin() as session:
        add(session, Queue.GPU, name, has)
    assert asked(engine, "gpu", LIMITS) == wanted
    takes = Takes(running_per_project=3, gpu_minutes=30)
    assert after_claims(engine, Queue.GPU, takes) == wanted


def test_the_work_of_all_projects_is_added_up(engine: Engine) -> None:
    with sessions(engine).begin() as session:
        for name, (has, _) in GPU.items():
            add(session, Queue.GPU, name, has)
    wanted = sum(wanted for _, wanted in GPU.values())
    assert asked(engine, "gpu", LIMITS) == wanted == 18
    takes = Takes(running_per_project=3, gpu_minutes=30)
    assert after_claims(engine, Queue.GPU, takes) == wanted


@pytest.mark.parametrize(
    ("settings", "most", "wanted"),
    [(LIMITS, 2, 3), (NO_LIMITS, None, 8), ({"LATHE_RUNNING_PER_PROJECT": " 2"}, None, 8)],
    ids=["limited", "not limited", "a limit that is no number"],
)
@pytest.mark.parametrize("queue", [Queue.CPU, Queue.INTAKE])
def test_a_pool_without_gpus_follows_its_limit_of_running_jobs_alone(
    engine: Engine, queue: Queue, settings: dict[str, str], most: int | None, wanted: int
) -> None:
    with sessions(engine).begin() as session:
        add(session, queue, "a", Has(waits=7, minutes=31, own={"running_gpu": 1}))
        add(session, queue, "b", Has(runs=1, own={"running_jobs": 1}))
    assert asked(engine, queue, settings) == wanted
    assert after_claims(engine, queue, Takes(running_per_project=most)) == wanted


def test_where_gpus_have_no_limit_of_their_own_that_of_all_queues_holds(engine: Engine) -> None:
    with sessions(engine).begin() as session:
        add(session, Queue.GPU, "a", Has(waits=4))
    assert asked(engine, "gpu", {"LATHE_RUNNING_PER_PROJECT": "2"}) == 2
