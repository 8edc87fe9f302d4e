"""Uploads by reference through real workers: fetched, gone on with, checked, and cut off."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from app.store import feed, jobs
from app.store.rows import Blob, Dataset, Job, Model
from lathe import ids
from lathe.states import JobState, Queue, UploadState
from stacks.s3 import S3
from tests.services.worker.conftest import on_both_databases, take
from tests.services.worker.crew import STAND_IN, Crew
from tests.services.worker.files import FileServer, file_server
from tests.services.worker.shop import Shop
from worker.bench import Bench
from worker.supervise import supervise

CONTENT = bytes(range(256)) * 8192  # 2 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
pytestmark = on_both_databases


@pytest.fixture
def there() -> Iterator[FileServer]:
    with file_server() as one:
        one.content = CONTENT
        yield one


def named(
    shop: Shop, url: str, sha256: str | None = None, table: type[Model | Dataset] = Model
) -> tuple[str, str]:
    """The rows that the API writes for a source, and the ids of upload and job."""
    prefix, which = ("mdl", "model_id") if table is Model else ("dat", "dataset_id")
    row = table(
        id=ids.new(prefix),
        project_id=shop.project_id,
        source=url.partition("?")[0],
        fetch_url=url,
        fetch_sha256=sha256,
    )
    job = jobs.inspect(shop.project_id, "req", fetches=True, **{which: row.id})
    with shop.sessions.begin() as session:
        session.add(row)
        session.flush()
        session.add(job)
        feed.append(session, job.id, "queued", {"queue": job.queue})
    return row.id, job.id


def allowing(bench: Bench, **more: object) -> Bench:
    told = {"outbound_allow": "127.0.0.1", "fetch_silence_s": 2.0, **more}
    return replace(bench, settings=bench.settings.model_copy(update=told))


def row(shop: Shop, model: str) -> Model:
    (found,) = shop.rows(Model, id=model)
    one: Model = found
    return one


def test_a_named_model_becomes_ready_and_its_signature_is_forgotten(
    shop: Shop, bench: Bench, there: FileServer
) -> None:
    model, job = named(shop, f"{there.url}?sig=x", SHA256)
    supervise(take(bench, Queue.INTAKE), allowing(bench))
    assert shop.job(job).state == JobState.SUCCEEDED, shop.job(job).failure
    found = row(shop, model)
    assert (found.state, found.fetch_url, found.source) == ("ready", None, there.url)
    (blob,) = shop.rows(Blob, id=found.upload_blob_id)
    assert (blob.sha256, blob.size_bytes) == (SHA256, len(CONTENT))


def test_a_named_data_set_becomes_ready(shop: Shop, bench: Bench, there: FileServer) -> None:
    data, job = named(shop, there.url, table=Dataset)
    supervise(take(bench, Queue.INTAKE), allowing(bench))
    assert shop.job(job).state == JobState.SUCCEEDED, shop.job(job).failure
    assert shop.rows(Dataset, id=data)[0].state == UploadState.READY


def test_three_cuts_cost_no_byte_that_has_come(
    shop: Shop, bench: Bench, there: FileServer
) -> None:
    there.cuts = [500_000, 700_000, 300_000]
    model, job = named(shop, there.url)
    supervise(take(bench, Queue.INTAKE), allowing(bench))
    assert shop.job(job).state == JobState.SUCCEEDED, shop.job(job).failure
    assert shop.rows(Blob, id=row(shop, model).upload_blob_id)[0].sha256 == SHA256
    assert there.asked[0] is None
    assert len(there.asked) == 4
    assert there.sent_bytes < 1.05 * len(CONTENT)


@pytest.mark.parametrize(
    ("promised", "more", "code"),
    [
        ("0" * 64, {}, "source_unusable"),
        (SHA256, {"max_model_bytes": 1 << 20}, "too_large"),
        (SHA256, {"outbound_allow": ""}, "address_refused"),
    ],
)
def test_what_must_not_come_is_refused_and_leaves_nothing(
    shop: Shop,
    bench: Bench,
    there: FileServer,
    promised: str,
    more: dict[str, object],
    code: str,
) -> None:
    model, job = named(shop, there.url, promised)
    supervise(take(bench, Queue.INTAKE), allowing(bench, **more))
    ended = shop.job(job)
    assert ended.state == JobState.FAILED
    assert ended.failure is not None
    assert ended.failure["code"] == code
    assert row(shop, model).state == UploadState.REJECTED
    assert row(shop, model).upload_blob_id is None
    assert [path for path in (shop.folder / "objects").rglob("*") if path.is_file()] == []
    if code == "address_refused":
        assert there.asked == []


def test_a_source_that_takes_too_long_is_given_up(
    shop: Shop, bench: Bench, there: FileServer
) -> None:
    there.pause_s = 0.5
    _, job = named(shop, there.url)
    supervise(take(bench, Queue.INTAKE), allowing(bench, fetch_max_run_s=1))
    failure = shop.job(job).failure
    assert failure is not None
    assert failure["code"] == "run_timeout"


@pytest.fixture
def crew(deployment: dict[str, str], tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(
        deployment | {"LATHE_OUTBOUND_ALLOW": "127.0.0.1", "LATHE_LEASE_S": "2"},
        tmp_path / "logs",
        STAND_IN,
    )
    yield crew
    crew.dismiss()


def progress(shop: Shop, job: str) -> dict[str, float]:
    return shop.job(job).progress or {}


def test_progress_is_told_and_a_cancel_ends_it(
    shop: Shop, crew: Crew, there: FileServer
) -> None:
    there.pause_s = 0.2
    crew.hire("w", "intake")
    crew.sweep()
    model, job = named(shop, there.url)
    crew.until(lambda: progress(shop, job).get("current", 0) > 0)
    told = progress(shop, job)
    assert (told["total"], told["unit"]) == (len(CONTENT), "bytes")
    assert 0 < told["fraction"] < 1
    shop.cancel(job)
    crew.until(lambda: shop.job(job).state == JobState.CANCELLED, within_s=5)
    assert row(shop, model).state == UploadState.REJECTED


def test_a_killed_worker_loses_no_fetch(shop: Shop, crew: Crew, there: FileServer) -> None:
    there.pause_s = 0.1
    crew.hire("w", "intake")
    crew.sweep()
    model, job = named(shop, there.url, SHA256)
    crew.until(lambda: there.sent_bytes > 300_000)
    crew.kill("w")
    crew.until(lambda: shop.job(job).state == JobState.SUCCEEDED)
    assert shop.rows(Blob, id=row(shop, model).upload_blob_id)[0].sha256 == SHA256
    assert shop.job(job).attempt == 2


@pytest.mark.parametrize("key", ["nets/a b.onnx", "nets/missing"])
def test_an_object_of_an_open_bucket_is_fetched_with_the_services_keys(
    shop: Shop, bench: Bench, s3: S3, key: str
) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.key,
        aws_secret_access_key=s3.secret,
        region_name=s3.region,
    )
    content = CONTENT * 5  # more than one window
    client.put_object(Bucket=s3.bucket, Key="nets/a b.onnx", Body=content)
    settings = {
        "sources_s3_buckets": f"{s3.bucket}/nets",
        "sources_s3_endpoint": s3.endpoint,
        "sources_s3_region": s3.region,
        "sources_s3_access_key_id": s3.key,
        "sources_s3_secret_access_key": s3.secret,
    }
    model, job = named(shop, f"s3://{s3.bucket}/{key}")
    told = type(bench.settings)(**{**bench.settings.model_dump(), **settings})
    supervise(take(bench, Queue.INTAKE), replace(bench, settings=told))
    ended: Job = shop.job(job)
    if key == "nets/missing":
        assert ended.failure is not None
        assert ended.failure["code"] == "source_unusable"
        return
    assert ended.state == JobState.SUCCEEDED, ended.failure
    (blob,) = shop.rows(Blob, id=row(shop, model).upload_blob_id)
    assert blob.sha256 == hashlib.sha256(content).hexdigest()
