"""Queued jobs while workers come and go."""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store.fleet import Fleet, Sighting
from app.store.routing import explain, reroute
from app.store.rows import Event, Job, Worker
from lathe.states import JobKind, Queue

SEEN_AT = datetime(2031, 5, 7, 12, 30, 5, tzinfo=UTC)


def add(session: Session, name: str, device: str = "auto", **values: object) -> None:
    defaults: dict[str, object] = {
        "project_id": "prj_a",
        "kind": JobKind.COMPRESS,
        "queue": Queue.GPU,
        "spec": {"resources": {"device": device}},
    }
    session.add(Job(id=f"job_{name}", **(defaults | values)))
    session.flush()


def worker(queue: str, silent_s: float, versions: tuple[int, int] = (1, 1)) -> Sighting:
    row = Worker(
        name=f"{queue}@host",
        queues=[queue],
        device="d",
        memory_bytes=1,
        spec_oldest=versions[0],
        spec_newest=versions[1],
        seen_at=SEEN_AT,
    )
    return Sighting(row, serving=silent_s < 60, silent_s=silent_s)


def column(session: Session, name: str) -> dict[str, object]:
    rows = session.execute(select(Job.id, getattr(Job, name)))
    return {job_id.removeprefix("job_"): value for job_id, value in rows}


def test_auto_jobs_leave_a_deserted_queue_for_one_that_is_served(session: Session) -> None:
    add(session, "auto", hinted_at=SEEN_AT, waiting_for="a worker")
    add(session, "cuda", device="cuda")
    add(session, "busy", state="running")
    fleet = Fleet((worker("gpu", 100), worker("cpu", 5)))
    assert reroute(session, fleet, after_s=120) == 0
    assert reroute(session, fleet, after_s=90) == 1
    session.flush()
    assert column(session, "queue") == {"auto": "cpu", "cuda": "gpu", "busy": "gpu"}
    assert column(session, "version") == {"auto": 2, "cuda": 1, "busy": 1}
    assert column(session, "hinted_at")["auto"] is None
    assert column(session, "waiting_for")["auto"] is None
    ((kind, data),) = session.execute(select(Event.type, Event.data)).all()
    assert kind == "rerouted"
    assert data == {"from": "gpu", "to": "cpu", "cause": "no worker serves the queue gpu"}


def test_nothing_moves_while_its_queue_is_served_or_no_other_one_is(session: Session) -> None:
    add(session, "g")
    add(session, "c", queue=Queue.CPU)
    assert reroute(session, Fleet((worker("gpu", 5), worker("cpu", 5))), after_s=0) == 0
    assert reroute(session, Fleet((worker("gpu", 99), worker("cpu", 99))), after_s=0) == 0
    assert reroute(session, Fleet((worker("gpu", 5),)), after_s=0) == 1
    session.flush()
    assert column(session, "queue") == {"g": "gpu", "c": "gpu"}


def test_jobs_of_a_queue_that_nobody_serves_say_so_until_somebody_does(
    session: Session,
) -> None:
    add(session, "cuda", device="cuda")
    add(session, "running", state="running")
    add(session, "upload", kind=JobKind.INSPECT, queue=Queue.INTAKE, spec=None)
    for _ in range(2):  # saying it again changes nothing
        explain(session, Fleet((worker("gpu", 300),)))
    assert column(session, "waiting_for") == {
        "cuda": "a worker that serves the queue gpu; "
        "the last one was seen at 2031-05-07 12:30:05 UTC",
        "running": None,
        "upload": "a worker that serves the queue intake",
    }
    assert column(session, "version") == {"cuda": 2, "running": 1, "upload": 2}
    explain(session, Fleet((worker("gpu", 3),)))
    assert column(session, "waiting_for")["cuda"] is None
    assert column(session, "version") == {"cuda": 3, "running": 1, "upload": 2}


def test_a_job_that_no_running_worker_reads_waits_for_another_release(
    session: Session,
) -> None:
    add(session, "new", spec_version=3)
    add(session, "old", spec_version=2)
    explain(session, Fleet((worker("gpu", 1), worker("gpu", 1, versions=(1, 2)))))
    assert column(session, "waiting_for") == {
        "new": "a worker of another release: the running ones of the queue gpu read jobs of "
        "spec version 1 to 1, 1 to 2",
        "old": None,
    }
    explain(
        session, Fleet((worker("gpu", 1, versions=(3, 3)), worker("gpu", 1, versions=(1, 2))))
    )
    assert set(column(session, "waiting_for").values()) == {None}


def test_what_a_deferred_job_waits_for_stays_until_its_time(session: Session) -> None:
    later = datetime(2999, 1, 1, tzinfo=UTC)
    add(session, "d", not_before=later, waiting_for="the store is away")
    for silent_s in (5, 500):
        explain(session, Fleet((worker("gpu", silent_s),)))
        assert column(session, "waiting_for") == {"d": "the store is away"}
    session.execute(update(Job).values(not_before=datetime(2020, 1, 1, tzinfo=UTC)))
    explain(session, Fleet((worker("gpu", 5),)))
    assert column(session, "waiting_for") == {"d": None}
