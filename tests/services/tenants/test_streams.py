"""Who follows a job hears of that job alone, however busy another project is."""

import asyncio

import pytest
from sqlalchemy import update

from app.follow.events import stream
from app.follow.watch import POLL_S
from app.store import feed
from app.store.rows import Job
from tests.services.tenants.conftest import Town

pytestmark = pytest.mark.anyio


async def free() -> None:
    """Who listens may go on."""


async def happens(town: Town, job_id: str) -> None:
    """A job moves, as its worker would say."""
    async with town.parts.writing() as session:
        moved = update(Job).where(Job.id == job_id).values(version=Job.version + 1)
        await session.execute(moved)
        await feed.append_async(session, job_id, "progressed", {"fraction": 0.5})


async def test_an_event_of_another_project_wakes_no_stream(town: Town) -> None:
    await town.theirs.fill()
    mine, theirs = (each.things["job"]["running"] for each in (town.mine, town.theirs))
    heard: list[bytes] = []

    async def follow() -> None:
        async for said in stream(town.parts, town.mine.world.project_id, mine, 0, free):
            heard.append(said)  # noqa: PERF401 - it is looked at while it grows

    following = asyncio.create_task(follow())
    await asyncio.sleep(4 * POLL_S)
    begun = len(heard)
    assert begun >= 2  # when to come back, and what happened before
    for _ in range(3):
        await happens(town, theirs)
        await asyncio.sleep(2 * POLL_S)
    assert len(heard) == begun
    await happens(town, mine)
    await asyncio.sleep(4 * POLL_S)
    assert len(heard) == begun + 1
    assert theirs.encode() not in b"".join(heard)
    following.cancel()
    await asyncio.wait([following])


async def test_what_one_project_was_just_answered_is_answered_to_no_other(town: Town) -> None:
    """Answers of finished jobs and shared reads of feeds lie in memory for a while."""
    await town.theirs.fill()
    finished = town.theirs.things["job"]["finished"]
    for path in (f"/v1/jobs/{finished}", f"/v1/jobs/{finished}/events"):
        for headers in ({}, {"Accept": "text/event-stream", "Last-Event-ID": "999"}):
            kept = await town.theirs.client.get(path, headers=headers)
            assert kept.status_code in {200, 204}
            for _ in range(2):  # the second by a key that is known by now
                asked = await town.mine.client.get(path, headers=headers)
                assert asked.status_code == 404
                assert "etag" not in asked.headers
    key_of_theirs = town.theirs.client.headers["Authorization"]
    ours = town.mine.things["job"]["finished"]
    assert (await town.mine.client.get(f"/v1/jobs/{ours}")).status_code == 200
    other = await town.theirs.client.get(f"/v1/jobs/{ours}")
    assert (other.status_code, key_of_theirs[:7]) == (404, "Bearer ")
