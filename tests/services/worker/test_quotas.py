"""Quotas where workers heed them: claims at once, and sources that are fetched."""

import threading
import time
from collections.abc import Iterator

import pytest

from app.store.queue import claim
from app.store.quotas.limits import set_limit
from app.store.quotas.stored import stored
from app.store.rows import Attempt, Blob
from app.store.turns import Takes
from lathe.states import JobState, Queue, UploadState
from tests.services.worker.conftest import on_both_databases, take
from tests.services.worker.files import FileServer, file_server
from tests.services.worker.shop import Shop
from tests.services.worker.test_fetch import CONTENT, allowing, named, row
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
