"""Quotas where workers heed them: claims at once, sources that are fetched, and GPU minutes
that end while a job runs."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from app.store.queue import claim
from app.store.quotas.limits import set_limit
from app.store.quotas.minutes import this_month
from app.store.quotas.stored import stored
from app.store.rows import Artifact, Attempt, Blob
from app.store.turns import Takes
from lathe import ids
from lathe.states import JobState, Queue, StepState, UploadState
from tests.services.worker.conftest import on_both_databases, take
from tests.services.worker.files import FileServer, file_server
from tests.services.worker.shop import Shop
from tests.services.worker.test_fetch import CONTENT, allowing, named, row
from tests.services.worker.test_supervise import spec
from worker.bench import Bench
from worker.supervise import supervise

pytestmark = on_both_databases


@pytest.fixture
def there() -> Iterator[FileServer]:
    with file_server() as one:
        one.content = CONTENT
        yield one


def limited(shop: Shop, **most: int | None) -> None:
    with shop.sessions.begin() as session:
        for name, each in most.items():
            set_limit(session, shop.project_id, name, each)


@pytest.mark.parametrize(("own", "default", "expected"), [(5, None, 5), (5, 2, 5), (2, 9, 2)])
def test_claims_at_once_keep_a_projects_own_limit(
    shop: Shop, own: int, default: int | None, expected: int
) -> None:
    for n in range(12):
        shop.upload_model(bytes([n]))
    limited(shop, running_jobs=own)
    taken: list[str] = []
    together = threading.Barrier(4)

    def work() -> None:
        together.wait()
        for _ in range(3):
            with shop.sessions.begin() as session:
                takes = Takes(running_per_project=default)
                claimed = claim(session, Queue.INTAKE, "w", 60, takes)
            if claimed is not None:
                taken.append(claimed.fence.job_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == expected


def test_a_claim_waits_for_another_that_may_have_taken_the_projects_last_room(
    shop: Shop,
) -> None:
    for n in range(2):
        shop.upload_model(bytes([n]))
    limited(shop, running_jobs=1)
    found: list[object] = []

    def second() -> None:
        with shop.sessions.begin() as session:
            found.append(claim(session, Queue.INTAKE, "w2", 60))

    waiting = threading.Thread(target=second)
    with shop.sessions.begin() as session:
        assert claim(session, Queue.INTAKE, "w1", 60) is not None
        waiting.start()
        waiting.join(0.3)
        assert found == []
    waiting.join()
    assert found == [None]


def test_every_run_has_its_minutes(shop: Shop, bench: Bench, there: FileServer) -> None:
    _, job = named(shop, there.url)
    supervise(take(bench, Queue.INTAKE), allowing(bench))
    (attempt,) = shop.rows(Attempt, job_id=job)
    ended = shop.job(job)
    assert (attempt.started_at, attempt.ended_at) == (ended.started_at, ended.finished_at)


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_source_that_is_over_the_quota_is_refused_and_leaves_nothing(
    shop: Shop, bench: Bench, there: FileServer, *, tells_length: bool
) -> None:
    there.tells_length, there.pause_s = tells_length, 0.01
    limited(shop, stored_bytes=len(CONTENT) // 2)
    model, job = named(shop, there.url)
    supervise(take(bench, Queue.INTAKE), allowing(bench))
    failure = shop.job(job).failure
    assert failure is not None
    assert failure["code"] == "storage_quota_reached"
    assert row(shop, model).state == UploadState.REJECTED
    assert [path for path in (shop.folder / "objects").rglob("*") if path.is_file()] == []
    assert there.sent_bytes < len(CONTENT)


def test_room_that_was_taken_while_a_source_came_is_not_taken_twice(
    shop: Shop, bench: Bench, there: FileServer
) -> None:
    there.pause_s = 0.02
    limited(shop, stored_bytes=len(CONTENT) + 10)
    _, job = named(shop, there.url)

    def fill() -> None:
        while not there.sent_bytes:
            time.sleep(0.01)
        shop.upload_model(b"eleven byte")

    filling = threading.Thread(target=fill)
    claimed = take(bench, Queue.INTAKE)
    filling.start()
    supervise(claimed, allowing(bench))
    filling.join()
    failure = shop.job(job).failure
    assert failure is not None
    assert failure["code"] == "storage_quota_reached"
    assert f"stores {len(CONTENT) + 11} of the {len(CONTENT) + 10}" in failure["detail"]
    (left,) = [path for path in (shop.folder / "objects").rglob("*") if path.is_file()]
    assert left.stat().st_size == 11
    assert [blob.size_bytes for blob in shop.rows(Blob)] == [11]


def test_a_source_that_fits_to_the_byte_is_taken(
    shop: Shop, bench: Bench, there: FileServer
) -> None:
    limited(shop, stored_bytes=len(CONTENT))
    _, job = named(shop, there.url)
    supervise(take(bench, Queue.INTAKE), allowing(bench))
    assert shop.job(job).state == JobState.SUCCEEDED, shop.job(job).failure
    with shop.sessions.begin() as session:  # its canonical form is the same here
        assert stored(session, shop.project_id).counted == len(CONTENT)


def has_run(shop: Shop, seconds: float) -> None:
    """The project has used a GPU this month for so long."""
    with shop.sessions.begin() as session:
        since, _ = this_month(session)
        session.add(
            Attempt(
                job_id=ids.new("job"),
                attempt=1,
                project_id=shop.project_id,
                queue=Queue.GPU,
                started_at=since,
                ended_at=since + timedelta(seconds=seconds),
            )
        )


def hasty(bench: Bench, quota: int | None = None) -> Bench:
    """Its leases are renewed twice a second."""
    told = {"lease_s": 2.0, "quota_gpu_minutes": quota}
    return replace(bench, settings=bench.settings.model_copy(update=told))


@pytest.mark.parametrize("own", [True, False])
def test_a_running_gpu_job_ends_with_the_minutes_and_hands_over_what_it_has(
    shop: Shop, bench: Bench, *, own: bool
) -> None:
    has_run(shop, 2 * 60 - 2)
    if own:
        limited(shop, gpu_minutes=2)
    job_id = shop.submit(spec(shop, {"hang": "train"}, max_run_s=600), Queue.GPU)
    supervise(take(bench, Queue.GPU), hasty(bench, None if own else 2))
    job = shop.job(job_id)
    assert job.state == JobState.FAILED
    assert job.failure is not None
    assert (job.failure["code"], job.failure["step"]) == ("gpu_quota_reached", 1)
    assert job.failure["detail"].startswith("the project's 2 GPU minutes of this month were")
    assert "resources.device cpu" in job.failure["detail"]
    assert job.verdict is not None
    assert "onnx" in {artifact.kind for artifact in shop.rows(Artifact, job_id=job_id)}
    (attempt,) = shop.rows(Attempt, job_id=job_id)
    assert attempt.ended_at == job.finished_at


def test_minutes_that_end_in_the_first_step_leave_nothing_to_hand_over(
    shop: Shop, bench: Bench
) -> None:
    has_run(shop, 2 * 60 - 1)
    limited(shop, gpu_minutes=2)
    job_id = shop.submit(spec(shop, {"hang": "clean"}, max_run_s=600), Queue.GPU)
    supervise(take(bench, Queue.GPU), hasty(bench))
    job = shop.job(job_id)
    assert job.failure is not None
    assert (job.failure["code"], job.failure["step"]) == ("gpu_quota_reached", None)
    assert shop.rows(Artifact, job_id=job_id) == []
    assert [step.state for step in shop.steps(job_id)][:2] == [
        StepState.FAILED,
        StepState.SKIPPED,
    ]


@pytest.mark.parametrize(
    ("queue", "own", "default"),
    [(Queue.GPU, None, 2), (Queue.GPU, 3, 2), (Queue.GPU, 3, None), (Queue.CPU, 2, 2)],
)
def test_a_job_that_may_go_on_or_needs_no_gpu_runs_to_its_end(
    shop: Shop, bench: Bench, queue: Queue, own: int | None, default: int | None
) -> None:
    has_run(shop, 2 * 60)
    limited(shop, gpu_minutes=own)
    job_id = shop.submit(spec(shop, {"pause_s": "0.7"}, max_run_s=600), queue)
    supervise(take(bench, queue), hasty(bench, default))
    assert shop.job(job_id).state == JobState.SUCCEEDED, shop.job(job_id).failure
