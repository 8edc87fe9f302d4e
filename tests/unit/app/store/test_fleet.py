"""Who serves what, from hand-written rows."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store.fleet import Fleet, muster, route
from app.store.rows import Worker
from app.store.rows.base import utc_now
from app.store.workers import WorkerFacts, forget, leave, seen
from lathe.states import Queue


@pytest.fixture
def session(empty: Session) -> Session:
    return empty


def facts(name: str, *queues: str, oldest: int = 1, newest: int = 1) -> WorkerFacts:
    return WorkerFacts(
        name=name,
        queues=list(queues),
        device="cpu",
        memory_bytes=7,
        slots=2,
        release="9.8.7",
        spec_oldest=oldest,
        spec_newest=newest,
        facts={},
    )


def silent(session: Session, name: str, seconds: float) -> None:
    seen_at = utc_now() - timedelta(seconds=seconds)
    session.execute(update(Worker).where(Worker.name == name).values(seen_at=seen_at))


def fleet(session: Session) -> Fleet:
    return Fleet.of(session.execute(muster().execution_options(populate_existing=True)))


def names(found: Fleet, queue: Queue) -> list[str]:
    return [each.worker.name for each in found.serving(queue)]


def test_a_worker_serves_its_own_queues_for_a_minute_after_it_was_seen(
    session: Session,
) -> None:
    for name, silent_s in (("fresh", 0), ("late", 55), ("dead", 65)):
        seen(session, facts(name, "gpu"))
        silent(session, name, silent_s)
    assert names(fleet(session), Queue.GPU) == ["fresh", "late"]
    assert names(fleet(session), Queue.CPU) == []


def test_a_worker_that_leaves_is_out_at_once_and_back_when_it_is_seen_again(
    session: Session,
) -> None:
    seen(session, facts("w", "gpu"))
    leave(session, "w")
    assert route("auto", fleet(session), 1) is Queue.CPU
    seen(session, facts("w", "gpu"))
    assert route("auto", fleet(session), 1) is Queue.GPU
    assert session.scalars(select(Worker.stopped_at)).one() is None


def test_an_older_release_that_returns_under_a_name_that_left_serves_again(
    session: Session,
) -> None:
    seen(session, facts("w", "cpu"))
    leave(session, "w")
    later = utc_now() + timedelta(seconds=1)  # it does not know the column stopped_at
    session.execute(update(Worker).values(seen_at=later, spec_oldest=None, spec_newest=None))
    found = fleet(session)
    assert found.serves(Queue.CPU, 1)
    assert not found.serves(Queue.CPU, 2)


def test_auto_goes_to_a_gpu_only_where_a_worker_there_reads_the_job(session: Session) -> None:
    seen(session, facts("g", "gpu", oldest=2, newest=4))
    seen(session, facts("c", "cpu"))
    found = fleet(session)
    queues = [route("auto", found, version) for version in (1, 2, 4, 5)]
    assert queues == [Queue.CPU, Queue.GPU, Queue.GPU, Queue.CPU]


def test_cuda_and_cpu_go_where_they_say_whoever_is_there(session: Session) -> None:
    assert route("cuda", fleet(session), 1) is Queue.GPU
    seen(session, facts("g", "gpu"))
    assert route("cpu", fleet(session), 1) is Queue.CPU


def test_a_queue_is_deserted_only_after_a_while_and_by_all(session: Session) -> None:
    assert fleet(session).deserted(Queue.GPU, 30)
    seen(session, facts("g1", "gpu"))
    seen(session, facts("g2", "gpu"))
    for name in ("g1", "g2"):
        leave(session, name)
    silent(session, "g1", 40)
    silent(session, "g2", 20)
    session.execute(update(Worker).values(stopped_at=utc_now()))
    assert not fleet(session).deserted(Queue.GPU, 30)
    assert fleet(session).deserted(Queue.GPU, 15)


def test_a_worker_that_nobody_has_seen_for_long_is_forgotten(session: Session) -> None:
    for name, silent_s in (("new", 90), ("old", 110)):
        seen(session, facts(name, "cpu"))
        silent(session, name, silent_s)
    forget(session, 100)
    assert list(session.scalars(select(Worker.name))) == ["new"]
