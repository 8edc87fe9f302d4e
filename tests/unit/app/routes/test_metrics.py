"""What `/metrics` says of queues, jobs, workers and sweeps, and without its database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text, update

from app.store.rows import Delivery, Job, Upload, Worker
from app.store.rows.base import utc_now
from lathe.errors import Internal, OutOfMemory
from tests.unit.app.routes import tus

pytestmark = pytest.mark.anyio

Samples = dict[tuple[str, ...], float]


async def scraped(world: Any) -> Samples:
    """(metric, label values in the labels' order) -> value."""
    answer = await world.client.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def changed(world: Any, job_id: str, **values: Any) -> None:
    async with world.parts.writing() as session:
        await session.execute(update(Job).where(Job.id == job_id).values(**values))


async def failed(world: Any, failure: Any, ago_s: float, **values: float) -> None:
    job_id = await world.job()
    ended = {"finished_at": utc_now() - timedelta(seconds=ago_s), "state": "failed"}
    await changed(world, job_id, failure=failure.failure().model_dump(mode="json"), **ended)
    await changed(world, job_id, **values)


async def test_a_queue_is_as_old_as_its_oldest_job(world: Any) -> None:
    for ago_s in (50, 400):
        since = utc_now() - timedelta(seconds=ago_s)
        await changed(world, await world.job(), queued_at=since, lapses=2)
    began = utc_now() - timedelta(seconds=70)
    await changed(world, await world.job(), state="running", started_at=began, crashes=1)
    found = await scraped(world)
    assert found["lathe_jobs", "cpu", "queued"] == 2
    assert found["lathe_jobs", "cpu", "running"] == 1
    assert found["lathe_queue_oldest_seconds", "cpu"] == pytest.approx(400, abs=5)
    assert found["lathe_queue_longest_run_seconds", "cpu"] == pytest.approx(70, abs=5)
    assert found["lathe_job_lapses", "cpu"] == 4
    assert found["lathe_job_crashes", "cpu"] == 1


async def test_the_last_hours_jobs_are_counted_by_code_with_their_times(world: Any) -> None:
    await failed(world, Internal("a"), ago_s=10, queued_s=3.0, running_s=20.0)
    await failed(world, Internal("b"), ago_s=3500, queued_s=5.0, running_s=50.0, lapses=7)
    await failed(world, OutOfMemory("c"), ago_s=3500, queued_s=1.0, running_s=1.0)
    await failed(world, OutOfMemory("d"), ago_s=3700, queued_s=900.0, running_s=900.0)
    found = await scraped(world)
    assert found["lathe_recent_jobs", "internal", "cpu", "failed"] == 2
    assert found["lathe_recent_jobs", "out_of_memory", "cpu", "failed"] == 1
    of_ours = ("internal", "cpu", "failed")
    assert found["lathe_recent_waited_seconds", *of_ours] == 4
    assert found["lathe_recent_waited_max_seconds", *of_ours] == 5
    assert found["lathe_recent_ran_seconds", *of_ours] == 35
    assert found["lathe_recent_ran_max_seconds", *of_ours] == 50
    assert found["lathe_job_lapses", "cpu"] == 7
    assert found["lathe_jobs", "cpu", "failed"] == 4


async def test_workers_and_sweeps_are_those_that_were_seen_and_did_not_stop(world: Any) -> None:
    now = utc_now()
    common: dict[str, Any] = {"device": "cpu", "memory_bytes": 1, "seen_at": now}
    bare = {"sandbox": {"mode": "auto", "landlock_abi": 0, "seccomp": True, "missing": ["l"]}}
    gone = {"seen_at": now - timedelta(seconds=90)}
    await world.add(
        Worker(name="a@1", queues=["cpu"], slots=3, **common),
        Worker(name="b@2", queues=["cpu", "intake"], facts=bare, **common),
        Worker(name="c@3", queues=["cpu"], slots=8, **(common | gone)),
        Worker(name="d@4", queues=["cpu"], slots=8, stopped_at=now, **common),
        Worker(name="s@5", queues=[], facts={"rounds": 41, "failed_rounds": 2}, **common),
        Worker(name="t@6", queues=[], facts={"rounds": 9, "failed_rounds": 9}, **common | gone),
    )
    found = await scraped(world)
    workers = {key: value for key, value in found.items() if key[0] == "lathe_workers"}
    assert workers == {
        ("lathe_workers", "cpu", "cpu"): 2,
        ("lathe_workers", "cpu", "intake"): 1,
    }
    assert found["lathe_worker_slots", "cpu", "cpu"] == 4
    open_ones = {key: value for key, value in found.items() if "unconfined" in key[0]}
    assert open_ones == {
        ("lathe_workers_unconfined", "cpu", "cpu"): 1,
        ("lathe_workers_unconfined", "cpu", "intake"): 1,
    }
    sweeps = {key: value for key, value in found.items() if "sweep" in key[0]}
    assert sweeps == {
        ("lathe_sweep_rounds", "s@5"): 41,
        ("lathe_sweep_failed_rounds", "s@5"): 2,
    }


async def test_bytes_are_those_of_every_object_that_has_a_row(world: Any) -> None:
    await world.blob(b"12345")
    await world.blob(b"1234567")
    found = await scraped(world)
    assert found["lathe_stored_bytes",] == 12
    assert 0 < found["lathe_objects_free_bytes",] < found["lathe_objects_size_bytes",]
    assert found["lathe_database_up",] == 1
    assert found["lathe_database_connections_limit",] == 8
    await world.blob(b"later")
    assert (await scraped(world))["lathe_stored_bytes",] == 12  # for a minute


async def test_messages_that_have_not_arrived_are_counted_and_the_latest_is_told(
    world: Any,
) -> None:
    hook = await world.client.post("/v1/webhooks", json={"url": "https://hooks.example/"})
    webhook_id = hook.json()["id"]
    now = utc_now()
    for state, due_s in (("pending", 90), ("pending", -60), ("dead", 900), ("delivered", 900)):
        await world.add(
            Delivery(
                project_id=world.project_id,
                webhook_id=webhook_id,
                type="ping",
                body="{}",
                state=state,
                next_at=now - timedelta(seconds=due_s),
            )
        )
    found = await scraped(world)
    assert (found["lathe_deliveries", "pending"], found["lathe_deliveries", "dead"]) == (2, 1)
    assert 89 < found["lathe_deliveries_late_seconds",] < 120


async def test_without_its_database_a_process_still_tells_of_itself(world: Any) -> None:
    await world.job()
    assert ("lathe_jobs", "cpu", "queued") in await scraped(world)
    async with world.parts.writing() as session:
        await session.execute(text("ALTER TABLE workers RENAME TO gone"))
    found = await scraped(world)
    assert found["lathe_database_up",] == 0
    assert ("lathe_jobs", "cpu", "queued") not in found
    assert found["lathe_database_connections_limit",] == 8


async def test_uploads_say_how_long_their_bytes_took_to_come(world: Any) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"piece"
            await asyncio.sleep(0.05)

    body = await world.client.post("/v1/models", content=slowly())
    assert body.status_code == 201, body.text
    location = await tus.begun(world.client, 7)
    assert (await tus.sent(world.client, location, 0, b"abcdefg")).status_code == 204
    async with world.parts.writing() as session:
        earlier = utc_now() - timedelta(seconds=90)
        await session.execute(update(Upload).values(created_at=earlier))
    upload = location.rpartition("/")[2]
    used = await world.client.post("/v1/datasets", params={"upload": upload})
    assert used.status_code == 201, used.text
    fetched = {"source": "https://h.example/net.onnx"}
    assert (await world.client.post("/v1/models", json=fetched)).status_code == 201
    found = await scraped(world)
    assert found["lathe_upload_seconds_count", "body", "model"] == 1
    assert 0.15 <= found["lathe_upload_seconds_sum", "body", "model"] < 30
    assert found["lathe_upload_seconds_sum", "resumable", "dataset"] == pytest.approx(
        90, abs=30
    )
    assert ("lathe_upload_seconds_count", "reference", "model") not in found
    assert found["lathe_uploads_total", "reference", "model"] == 1
