"""A project that has used what it may has no turn, and its jobs say why."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.store.fleet import Fleet, Sighting
from app.store.queue import claim
from app.store.quotas.held_back import any_running_limit, busy
from app.store.quotas.limits import Limits, limits_of
from app.store.quotas.minutes import this_month
from app.store.routing import explain
from app.store.rows import Job, Worker
from app.store.turns import Takes
from lathe.states import JobState, Queue
from tests.unit.app.store.quotas.played import job, limited, ran

LONG_AGO = datetime(2020, 2, 3, tzinfo=UTC)


def queued(session: Session, queue: Queue, *names: str) -> None:
    session.add_all(
        [
            job(name, queue, JobState.QUEUED, created_at=LONG_AGO + timedelta(seconds=n))
            for n, name in enumerate(names)
        ]
    )
    session.flush()


def taken(session: Session, queue: Queue, takes: Takes | None = None) -> list[str]:
    found = []
    while (claimed := claim(session, queue, "w", 60, takes)) is not None:
        found.append(claimed.fence.job_id.removeprefix("job_"))
    return found


def used_up(session: Session, name: str, minutes: float) -> None:
    since, _ = this_month(session)
    session.add(ran(name, Queue.GPU, since, since + timedelta(minutes=minutes)))
    session.flush()


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [
        (2, None, ["a1", "b1", "a2", "b2", "b3"]),  # only a is limited
        (2, 1, ["a1", "b1", "a2"]),  # its own limit is the larger
        (1, 2, ["a1", "b1", "b2"]),  # or the smaller
        (None, 1, ["a1", "b1", "a2", "a3"]),  # its own says: any number
        (0, None, ["b1", "b2", "b3"]),
    ],
)
def test_a_projects_own_limit_of_running_jobs_goes_before_the_default(
    session: Session, own: int | None, default: int | None, expected: list[str]
) -> None:
    limited(session, "a", running_jobs=own)
    queued(session, Queue.CPU, "a1", "b1", "a2", "b2", "a3", "b3")
    assert taken(session, Queue.CPU, Takes(running_per_project=default)) == expected


def test_jobs_that_run_in_another_queue_take_no_room(session: Session) -> None:
    limited(session, "a", running_jobs=1)
    session.add(job("a0", Queue.GPU, JobState.RUNNING))
    queued(session, Queue.CPU, "a1", "a2")
    assert taken(session, Queue.CPU) == ["a1"]


@pytest.mark.parametrize(
    ("own", "default", "expected"),
    [
        ({"running_jobs": 2}, 1, 2),  # what it has for every queue holds for this one, too
        ({"running_jobs": 3, "running_gpu": 1}, None, 1),
        ({"running_jobs": 1, "running_gpu": 3}, None, 3),
        ({"running_jobs": 1, "running_gpu": None}, 2, 4),
        ({"running_gpu": 2}, 3, 2),
        ({"running_jobs": None}, 1, 4),
        ({}, 3, 3),
    ],
)
def test_the_gpu_queue_can_have_a_limit_of_its_own(
    session: Session, own: dict[str, int | None], default: int | None, expected: int
) -> None:
    limited(session, "a", **own)
    queued(session, Queue.GPU, "a1", "a2", "a3", "a4")
    assert len(taken(session, Queue.GPU, Takes(running_per_project=default))) == expected
    held_back = busy(session, Queue.GPU, default)
    assert held_back == ({} if expected == 4 else {"prj_a": expected})
    assert any_running_limit(session, Queue.GPU) is any(own.values())
    may = limits_of(session, "prj_a", Limits(running_jobs=9, running_gpu=default))
    assert may.running(Queue.GPU) == (None if expected == 4 else expected)


def test_a_limit_of_the_gpu_queue_holds_in_no_other(session: Session) -> None:
    limited(session, "a", running_gpu=1)
    queued(session, Queue.CPU, "a1", "a2", "a3")
    assert not any_running_limit(session, Queue.CPU)
    assert len(taken(session, Queue.CPU)) == 3
    assert busy(session, Queue.CPU, None) == {}
    assert limits_of(session, "prj_a", Limits(running_jobs=5)).running(Queue.CPU) == 5


def test_without_gpu_minutes_a_job_waits_and_another_projects_passes(session: Session) -> None:
    limited(session, "a", gpu_minutes=30)
    used_up(session, "a0", 30)
    used_up(session, "b0", 500)
    queued(session, Queue.GPU, "a1", "b1")
    queued(session, Queue.CPU, "a2")
    assert taken(session, Queue.GPU) == ["b1"]
    assert taken(session, Queue.CPU) == ["a2"]
    limited(session, "a", gpu_minutes=31)
    assert taken(session, Queue.GPU) == ["a1"]


def test_the_installations_gpu_minutes_hold_for_who_has_none_of_its_own(
    session: Session,
) -> None:
    limited(session, "a", gpu_minutes=None)
    used_up(session, "a0", 41)
    used_up(session, "b0", 41)
    queued(session, Queue.GPU, "a1", "b1")
    assert taken(session, Queue.GPU, Takes(gpu_minutes=41)) == ["a1"]
    assert taken(session, Queue.GPU, Takes(gpu_minutes=42)) == ["b1"]


def test_a_job_that_is_held_back_says_what_it_waits_for_and_stops_when_it_may_start(
    session: Session,
) -> None:
    gpu = Worker(name="g", queues=["gpu", "cpu"], device="cuda", memory_bytes=1)
    fleet = Fleet((Sighting(gpu, serving=True, silent_s=1),))
    limited(session, "a", gpu_minutes=30, running_jobs=1)
    used_up(session, "a0", 33)
    queued(session, Queue.GPU, "a1", "b1")
    session.add(job("a2", Queue.CPU, JobState.RUNNING))
    queued(session, Queue.CPU, "a3")

    def said(limits: Limits) -> dict[str, str | None]:
        explain(session, fleet, limits)
        session.expire_all()
        return {n: session.get_one(Job, f"job_{n}").waiting_for for n in ("a1", "b1", "a3")}

    _, again = this_month(session)
    assert said(Limits()) == {
        "a1": "the project's 30 GPU minutes of this month are used up; the next begin on "
        f"{again:%Y-%m-%d} (UTC)",
        "b1": None,
        "a3": "one of the 1 jobs that the project may run in the queue cpu at once to end",
    }
    version = session.get_one(Job, "job_a1").version
    said(Limits())
    assert session.get_one(Job, "job_a1").version == version  # told once
    limited(session, "a", gpu_minutes=34, running_jobs=2)
    assert said(Limits()) == {"a1": None, "b1": None, "a3": None}
