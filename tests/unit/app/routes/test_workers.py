"""The list of workers, and what a queued job says about them."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app.store.rows import Job, Worker
from app.store.rows.base import utc_now

pytestmark = pytest.mark.anyio


async def test_an_admin_sees_every_worker_and_its_running_jobs(world: Any) -> None:
    job_ids = [await world.job() for _ in range(3)]
    async with world.parts.writing() as session:
        for job_id, slot in zip(job_ids, ("new@h:7", "new@h:8", "gone@h:7"), strict=True):
            running = update(Job).where(Job.id == job_id).values(state="running", worker=slot)
            await session.execute(running)
    now = utc_now()
    known = {"device": "cuda", "memory_bytes": 64, "facts": {"threads": 3}}
    told = {"slots": 2, "release": "1.2.3", "spec_oldest": 1, "spec_newest": 4}
    await world.add(
        Worker(name="gone@h", queues=["cpu"], seen_at=now - timedelta(seconds=70), **known),
        Worker(name="new@h", queues=["gpu"], **known, **told),
        Worker(name="left@h", queues=["gpu"], seen_at=now, stopped_at=now, **known, **told),
    )
    items = (await world.client.get("/v1/workers")).json()["items"]
    seen = {each["name"]: (each["serving"], each["slots"], each["running"]) for each in items}
    assert seen == {"new@h": (True, 2, 2), "left@h": (False, 2, 0), "gone@h": (False, 1, 1)}
    assert items[-1]["name"] == "gone@h"
    assert (items[-1]["release"], items[-1]["spec_oldest"], items[-1]["spec_newest"]) == (
        None,
        1,
        1,
    )


async def test_a_worker_shows_the_walls_that_it_has_told_of(world: Any) -> None:
    told = {"mode": "auto", "landlock_abi": 5, "seccomp": False, "missing": ["seccomp (x)"]}
    older = {"mode": "required", "landlock_abi": 7, "seccomp": True}
    known: dict[str, Any] = {"queues": ["cpu"], "device": "cpu", "memory_bytes": 1}
    await world.add(
        Worker(name="a", facts={"sandbox": told}, **known),
        Worker(name="b", facts={"sandbox": older}, **known),
        Worker(name="c", **known),
    )
    items = (await world.client.get("/v1/workers")).json()["items"]
    shown = {each["name"]: each["sandbox"] for each in items}
    assert shown == {"a": told, "b": {**older, "missing": []}, "c": None}


async def test_only_the_operator_sees_how_busy_others_keep_a_worker(world: Any) -> None:
    job_id = await world.job()
    async with world.parts.writing() as session:
        running = update(Job).where(Job.id == job_id).values(state="running", worker="w@h:7")
        await session.execute(running)
    await world.add(Worker(name="w@h", queues=["cpu"], device="cpu", memory_bytes=64))
    for client, jobs in ((world.client, 1), (world.stranger, 0)):
        (seen,) = (await client.get("/v1/workers")).json()["items"]
        assert (seen["name"], seen["running"]) == ("w@h", jobs)


async def test_workers_are_for_admins(world: Any) -> None:
    made = await world.client.post("/v1/keys", json={"name": "r", "scopes": ["read", "write"]})
    client = await world.as_key(made.json()["key"])
    assert (await client.get("/v1/workers")).status_code == 403


async def test_auto_goes_to_the_gpu_that_is_there_and_a_queued_job_says_what_it_waits_for(
    world: Any,
) -> None:
    first = await world.client.get(f"/v1/jobs/{await world.job()}")
    assert (first.json()["queue"], first.json()["waiting_for"]) == ("cpu", None)
    await world.add(Worker(name="g", queues=["gpu"], device="cuda", memory_bytes=1))
    job_id = await world.job()
    for state, shown in (("queued", "a worker"), ("running", None)):
        async with world.parts.writing() as session:
            values = {"state": state, "waiting_for": "a worker", "version": Job.version + 1}
            await session.execute(update(Job).where(Job.id == job_id).values(**values))
        view = (await world.client.get(f"/v1/jobs/{job_id}")).json()
        assert (view["queue"], view["waiting_for"]) == ("gpu", shown)
