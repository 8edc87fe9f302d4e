"""A project reads what it uses and what it may, and nothing of another's."""

from datetime import timedelta
from typing import Any

import pytest

from app.store.quotas.limits import set_limit
from app.store.quotas.minutes import this_month
from app.store.rows import Attempt
from lathe.states import Queue

pytestmark = pytest.mark.anyio


async def ran(world: Any, job_id: str, queue: Queue, minutes: float) -> None:
    async with world.parts.writing() as session:
        since, _ = await session.run_sync(this_month)
        session.add(
            Attempt(
                job_id=job_id,
                attempt=1,
                project_id=world.project_id,
                queue=queue,
                started_at=since,
                ended_at=since + timedelta(minutes=minutes),
            )
        )


async def test_usage_counts_what_there_is_beside_the_limits(world: Any) -> None:
    model = await world.model()  # one blob of 30 bytes, twice named
    jobs = [await world.job(model=model) for _ in range(3)]
    await world.ends(jobs[0])
    await world.artifact(jobs[0], b"smaller")
    await world.ends(jobs[1], "failed")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000"}
    await world.client.post("/v1/uploads", headers=headers)
    await ran(world, jobs[0], Queue.CPU, 2.5)
    await ran(world, jobs[1], Queue.GPU, 7)
    async with world.parts.writing() as session:
        await session.run_sync(set_limit, world.project_id, "gpu_minutes", 90)
    answer = await world.client.get("/v1/usage")
    assert answer.status_code == 200
    found = answer.json()
    assert found["project"] == world.project_id
    assert found["stored"] == {
        "total": 1037,
        "models": 30,
        "datasets": 0,
        "artifacts": 7,
        "uploads": 1000,
        "checkpoints": 0,
    }
    assert found["jobs"] == {
        "queued": 1,
        "running": 0,
        "succeeded": 1,
        "failed": 1,
        "cancelled": 0,
    }
    assert found["running"] == {"intake": 0, "cpu": 0, "gpu": 0}
    assert found["month"]["minutes"] == pytest.approx({"intake": 0, "cpu": 2.5, "gpu": 7})
    assert found["month"]["since"].endswith("-01T00:00:00Z")
    assert found["limits"] == {
        "stored_bytes": None,
        "unfinished_jobs": None,
        "running_jobs": None,
        "running_gpu": None,
        "gpu_minutes": 90,
    }


async def test_a_running_job_is_counted_where_it_runs(world: Any) -> None:
    job = await world.job()
    await world.ends(job, "running", queue="gpu")
    found = (await world.client.get("/v1/usage")).json()
    assert (found["jobs"]["running"], found["running"]["gpu"]) == (1, 1)


async def test_a_key_that_only_reads_sees_it_and_a_stranger_sees_its_own(world: Any) -> None:
    await world.model()
    made = await world.client.post("/v1/keys", json={"name": "k", "scopes": ["read"]})
    reader = await world.as_key(made.json()["key"])
    assert (await reader.get("/v1/usage")).json()["stored"]["total"] == 30
    assert (await world.stranger.get("/v1/usage")).json()["stored"]["total"] == 0
