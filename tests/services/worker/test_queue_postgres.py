"""What only PostgreSQL does: several transactions at the queue at once."""

import threading

import pytest

from app.store import queue
from app.store.fleet import Fleet, Sighting
from app.store.queue import Standing, beat, claim, held, reap, take_hints
from app.store.routing import explain, reroute
from app.store.rows import Job, Worker
from app.store.turns import Takes
from lathe.job import JobSpec, Resources
from lathe.states import JobState, Queue
from lathe.techniques.optimize import OptimizeGraph
from tests.services.worker.shop import Shop

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


def test_two_claims_at_once_take_two_jobs_without_waiting(shop: Shop) -> None:
    jobs = {shop.upload_model(bytes([n]))[1] for n in range(2)}
    with shop.sessions.begin() as one, shop.sessions.begin() as two:
        first = claim(one, Queue.INTAKE, "w1", 60)
        second = claim(two, Queue.INTAKE, "w2", 60)
        assert first is not None
        assert second is not None
        assert {first.fence.job_id, second.fence.job_id} == jobs
        with shop.sessions.begin() as three:
            assert claim(three, Queue.INTAKE, "w3", 60) is None


def test_four_workers_never_share_a_job(shop: Shop) -> None:
    jobs = {shop.upload_model(bytes([n]))[1] for n in range(12)}
    taken: list[str] = []

    def work() -> None:
        while True:
            with shop.sessions.begin() as session:
                claimed = claim(session, Queue.INTAKE, "w", 60)
            if claimed is None:
                return
            taken.append(claimed.fence.job_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 12
    assert set(taken) == jobs


def test_claims_at_once_keep_the_limit_of_a_project(shop: Shop) -> None:
    for n in range(12):
        shop.upload_model(bytes([n]))
    taken: list[str] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        for _ in range(3):
            with shop.sessions.begin() as session:
                takes = Takes(running_per_project=5)
                claimed = claim(session, Queue.INTAKE, "w", 60, takes)
            if claimed is not None:
                taken.append(claimed.fence.job_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 5


def test_jobs_are_moved_and_explained_on_postgres_too(shop: Shop) -> None:
    _, upload = shop.upload_model(b"a")
    model = shop.ready_model(b"b")
    auto, cuda = (
        shop.submit(
            JobSpec(
                model=model,
                pipeline=(OptimizeGraph(id="clean"),),
                resources=Resources(device=device),
            ),
            Queue.GPU,
        )
        for device in ("auto", "cuda")
    )
    cpu = Worker(name="c", queues=["cpu"], device="cpu", memory_bytes=1)
    fleet = Fleet((Sighting(cpu, serving=True, silent_s=1),))
    with shop.sessions.begin() as session:
        assert reroute(session, fleet, after_s=30) == 1
        session.flush()
        explain(session, fleet)
    waiting = {job_id: shop.job(job_id).waiting_for for job_id in (auto, cuda, upload)}
    assert waiting == {
        auto: None,
        cuda: "a worker that serves the queue gpu",
        upload: "a worker that serves the queue intake",
    }
    assert shop.job(auto).queue == Queue.CPU
    with shop.sessions.begin() as session:
        claimed = claim(session, Queue.CPU, "c", 60)
        assert claimed is not None
        job = held(session, claimed.fence)
        assert job is not None
        queue.defer(session, job, 600, "The store is away.")
        assert claim(session, Queue.CPU, "c", 60) is None


def test_a_reaper_and_a_late_finish_cannot_both_win(shop: Shop) -> None:
    _, job_id = shop.upload_model(b"a")
    with shop.sessions.begin() as session:
        claimed = claim(session, Queue.INTAKE, "w", -1)
    assert claimed is not None
    with shop.sessions.begin() as late, shop.sessions.begin() as sweeping:
        job = held(late, claimed.fence)
        assert job is not None
        assert not reap(sweeping)  # the row is locked: whoever holds it decides
        queue.hand_back(late, job)
    with shop.sessions.begin() as session:
        assert held(session, claimed.fence) is None
        assert beat(session, claimed.fence, 60) is Standing.LOST
    assert shop.job(job_id).state == JobState.QUEUED


def test_two_sweeps_at_once_hint_and_reap_each_job_once(shop: Shop) -> None:
    for n in range(3):
        shop.upload_model(bytes([n]))
    with shop.sessions.begin() as one, shop.sessions.begin() as two:
        hinted = [take_hints(session, Queue.INTAKE, 0, 30) for session in (one, two)]
    assert hinted == [3, 0]
    with shop.sessions.begin() as session:
        for _ in range(2):
            claim(session, Queue.INTAKE, "w", -1)
    with shop.sessions.begin() as one, shop.sessions.begin() as two:
        reaped = [len(reap(session)) for session in (one, two)]
    assert reaped == [2, 0]
    assert [job.lapses for job in shop.rows(Job, state=JobState.QUEUED)].count(1) == 2
