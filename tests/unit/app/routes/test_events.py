"""A job's feed, in pages and as server-sent events."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Connection

from app.follow import events, watch
from app.store import feed
from app.store.db import sessions, sync_engine
from app.store.rows import Event, Job

pytestmark = pytest.mark.anyio
SSE = {"Accept": "text/event-stream"}


async def free() -> None:
    """Who listens may go on."""


async def say(world: Any, job_id: str, *texts: str) -> None:
    async with world.parts.writing() as session:
        for text in texts:
            await feed.append_async(session, job_id, "said", {"text": text})


def parsed(stream: str) -> list[tuple[str, str, Any]]:
    """(id, event, data) of each block that is an event."""
    blocks = [block for block in stream.split("\n\n") if block.startswith("event: ")]
    fields = [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]
    return [(f["id"], f["event"], json.loads(f["data"])["data"]) for f in fields]


async def test_pages_go_on_behind_a_number(world: Any) -> None:
    job_id = await world.job()
    await say(world, job_id, "one", "two", "three")
    path = f"/v1/jobs/{job_id}/events"
    page = (await world.client.get(path, params={"limit": 3})).json()
    assert [item["seq"] for item in page["items"]] == [1, 2, 3]
    assert page["next_cursor"] == "3"
    rest = (await world.client.get(path, params={"after": 3, "limit": 3})).json()
    assert [item["data"] for item in rest["items"]] == [{"text": "three"}]
    assert rest["next_cursor"] is None


async def test_a_stream_tells_what_was_and_what_comes_until_the_end(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    job_id = await world.job()

    async def work() -> None:
        await asyncio.sleep(0.03)
        await say(world, job_id, "half")
        await asyncio.sleep(0.03)
        await world.ends(job_id)

    answer, _ = await asyncio.gather(
        world.client.get(f"/v1/jobs/{job_id}/events", headers=SSE), work()
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert parsed(answer.text) == [
        ("1", "queued", {"queue": "cpu"}),
        ("2", "said", {"text": "half"}),
        ("3", "succeeded", {}),
    ]


async def test_a_stream_resumes_behind_the_last_event_id(world: Any) -> None:
    job_id = await world.job()
    await say(world, job_id, "one", "two")
    await world.ends(job_id)
    path = f"/v1/jobs/{job_id}/events"
    resumed = await world.client.get(path, headers={**SSE, "Last-Event-ID": "2"})
    assert [(number, kind) for number, kind, _ in parsed(resumed.text)] == [
        ("3", "said"),
        ("4", "succeeded"),
    ]
    over = await world.client.get(path, headers={**SSE, "Last-Event-ID": "4"})
    assert (over.status_code, over.content) == (204, b"")
    made_up = await world.client.get(path, headers={**SSE, "Last-Event-ID": "-1"})
    assert (made_up.status_code, made_up.json()["param"]) == (400, "Last-Event-ID")


async def test_a_silent_stream_shows_that_it_lives(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.001)
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.004)
    job_id = await world.job()
    stream = events.stream(world.parts, world.project_id, job_id, 1, free)
    assert (await anext(stream)).startswith(b"retry: ")
    assert await anext(stream) == b": ping\n\n"
    assert await anext(stream) == b": ping\n\n"
    await stream.aclose()


async def test_streams_that_are_cut_together_come_back_one_after_the_other(world: Any) -> None:
    job_id = await world.job()
    told = []
    for _ in range(40):
        stream = events.stream(world.parts, world.project_id, job_id, 1, free)
        told.append(int((await anext(stream)).removeprefix(b"retry: ")))
        await stream.aclose()
    assert 1000 <= min(told) < 2000
    assert 4000 < max(told) <= 5000
    assert len(set(told)) > 30


async def test_who_follows_the_same_job_shares_a_read(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.05)
    job_id = await world.job()
    path, asked = f"/v1/jobs/{job_id}/events", 0
    rows = world.parts.reads.rows

    async def counted(statement: Any, values: Any) -> Any:
        nonlocal asked
        asked += "after" in values
        return await rows(statement, values)

    monkeypatch.setattr(world.parts.reads, "rows", counted)
    following = [world.client.get(path, headers=SSE) for _ in range(30)]

    async def work() -> None:
        await asyncio.sleep(0.1)
        await say(world, job_id, "half")
        await asyncio.sleep(0.1)
        await world.ends(job_id)

    *answers, _ = await asyncio.gather(*following, work())
    for answer in answers:
        assert [number for number, *_ in parsed(answer.text)] == ["1", "2", "3"]
    assert 3 <= asked <= 9  # 30 streams, each with three reads


async def test_a_project_opens_so_many_streams_and_is_told_so_by_name(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.parts.streams, "_most", 1)
    job_id = await world.job()
    path = f"/v1/jobs/{job_id}/events"
    first = asyncio.create_task(world.client.get(path, headers=SSE))
    await asyncio.sleep(0.1)
    for address in (path, f"{path}?after=1&limit=7"):  # the hot route, and the ordinary one
        answer = await world.client.get(address, headers=SSE)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
        assert answer.headers["retry-after"]
    await world.ends(job_id)
    assert (await first).status_code == 200
    assert (await world.client.get(path, headers=SSE)).status_code == 200


async def test_numbers_have_no_gap_when_a_writer_fails(world: Any) -> None:
    job_id = await world.job()
    async with world.parts.sessions() as session:
        assert await feed.append_async(session, job_id, "said", {}) == 2
        await session.rollback()
    await say(world, job_id, "after")
    assert (await world.get(Job, job_id)).last_seq == 2
    assert (await world.get(Event, (job_id, 2))).data == {"text": "after"}


async def test_many_writers_of_one_job_follow_each_other(world: Any) -> None:
    job_id = await world.job()
    await asyncio.gather(*(say(world, job_id, str(n), "again") for n in range(5)))
    async with world.parts.reading() as session:
        numbers = list(await session.scalars(select(Event.seq).order_by(Event.seq)))
    assert numbers == list(range(1, 12))


async def test_the_workers_sessions_append_to_the_same_feed(world: Any) -> None:
    job_id = await world.job()
    engine = sync_engine(world.parts.settings.database_url)
    with sessions(engine).begin() as session:
        assert feed.append(session, job_id, "started", {"attempt": 1}) == 2
        assert feed.append(session, job_id, "said", {}) == 3
    engine.dispose()
    page = (await world.client.get(f"/v1/jobs/{job_id}/events")).json()
    assert [item["type"] for item in page["items"]] == ["queued", "started", "said"]


async def test_a_stream_holds_no_transaction_between_polls(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.002)
    job_id = await world.job()
    open_now, most = 0, 0

    def begin(_connection: Connection) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)

    def end(_connection: Connection) -> None:
        nonlocal open_now
        open_now -= 1

    engine = world.parts.engine.sync_engine
    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", end)
    stream = events.stream(world.parts, world.project_id, job_id, 0, free)
    await anext(stream)  # when to come back
    await anext(stream)
    await say(world, job_id, "next")
    await anext(stream)
    await stream.aclose()
    event.remove(engine, "begin", begin)
    event.remove(engine, "commit", end)
    assert (open_now, most) == (0, 1)
