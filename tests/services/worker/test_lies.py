"""What a child that a stranger has taken over tells its supervisor, which has more rights."""

import json
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.store.queue import MAX_LAPSES
from app.store.rows import Blob, Event, Job
from lathe.states import JobState, Queue
from tests.services.worker.conftest import take
from tests.services.worker.shop import Shop
from worker.bench import Bench
from worker.nursery import Nursery
from worker.supervise import supervise

MIB = 1 << 20
CAPS: dict[str, Any] = {
    "inspect_max_run_s": 3,
    "child_file_bytes": 4 * MIB,
    "child_folder_bytes": 16 * MIB,
}


@pytest.fixture(scope="module")
def liar() -> Iterator[Nursery]:
    nursery = Nursery("tests.services.worker.liar:perform")
    yield nursery
    nursery.close()


def inspected(
    shop: Shop, bench: Bench, liar: Nursery, wish: dict[str, Any], **settings: Any
) -> Job:
    """The job of inspecting the wish as if it were a model, after one attempt."""
    _, job_id = shop.upload_model(json.dumps(wish).encode())
    own = replace(
        bench, settings=bench.settings.model_copy(update=CAPS | settings), nursery=liar
    )
    supervise(take(own, Queue.INTAKE), own)
    assert not list((shop.folder / "work").iterdir())
    return shop.job(job_id)


def code(job: Job) -> str:
    assert (job.state, job.crashes) == (JobState.FAILED, 0)
    assert job.failure is not None
    return str(job.failure["code"])


def test_a_flood_of_words_costs_the_supervisor_little_and_the_database_less(
    shop: Shop, bench: Bench, liar: Nursery
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    job = inspected(shop, bench, liar, {"lie": "flood"})
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert code(job) == "run_timeout"
    assert len(shop.rows(Event, job_id=job.id)) < 1010
    assert after.ru_utime - before.ru_utime < 0.9 * CAPS["inspect_max_run_s"]


@pytest.mark.parametrize("lie", ["endless_line", "many_values"])
def test_words_without_end_are_cut_off_before_they_fill_the_memory(
    lie: str, shop: Shop, bench: Bench, liar: Nursery
) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    job = inspected(shop, bench, liar, {"lie": lie}, inspect_max_run_s=60)
    assert code(job) == "internal"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 400 << 10


def test_a_forged_failure_is_no_label_and_no_long_text(
    shop: Shop, bench: Bench, liar: Nursery
) -> None:
    job = inspected(shop, bench, liar, {"lie": "forged_code"})
    assert code(job) == "internal"
    assert job.failure is not None
    assert job.failure["retryable"] is False
    assert len(job.failure["detail"]) < 1000


def test_files_that_would_only_be_large_in_the_store_are_not_stored(
    shop: Shop, bench: Bench, liar: Nursery
) -> None:
    blobs = len(shop.rows(Blob))
    job = inspected(shop, bench, liar, {"lie": "sparse", "files": 5, "bytes": 4 * MIB})
    assert code(job) == "too_much_written"
    assert len(shop.rows(Blob)) == blobs + 1  # the upload
    fine = inspected(shop, bench, liar, {"lie": "sparse", "files": 3, "bytes": 4 * MIB})
    assert fine.state == JobState.SUCCEEDED


@pytest.mark.parametrize("lie", ["link", "hard_link", "fifo", "somewhere_else"])
def test_what_is_no_plain_file_of_its_own_is_not_handed_over_even_without_walls(
    lie: str, shop: Shop, bench: Bench, liar: Nursery
) -> None:
    secret = shop.folder / "secret"
    secret.write_text("s3cret")
    blobs = len(shop.rows(Blob))
    wish = {"lie": lie, "path": str(secret)}
    began_s = time.monotonic()
    job = inspected(shop, bench, liar, wish, sandbox="off")
    assert code(job) == "internal"
    assert time.monotonic() - began_s < 60  # it was not waited for
    assert len(shop.rows(Blob)) == blobs + 1


def test_who_says_that_the_disk_is_full_is_not_believed_for_ever(
    shop: Shop, bench: Bench, liar: Nursery
) -> None:
    _, job_id = shop.upload_model(b'{"lie": "full_disk"}')
    own = replace(
        bench,
        settings=bench.settings.model_copy(update={**CAPS, "objects_retry_s": 0.0}),
        nursery=liar,
    )
    for _ in range(MAX_LAPSES):
        supervise(take(own, Queue.INTAKE), own)
    job = shop.job(job_id)
    assert job.state == JobState.FAILED
    assert job.failure is not None
    assert job.failure["code"] == "out_of_disk"
