"""When keys were used is written in batches, and not for every request."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import TimeoutError as PoolTimeout
from structlog.testing import capture_logs

from app import key_use
from app.key_use import KeyUse
from app.store.rows import ApiKey

pytestmark = pytest.mark.anyio


@pytest.fixture
async def writes(world: Any) -> AsyncIterator[list[str]]:
    """The statements that write to keys."""
    seen: list[str] = []

    def look(_c: Any, _k: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE api_keys"):
            seen.append(statement)

    event.listen(world.parts.engine.sync_engine, "before_cursor_execute", look)
    yield seen
    event.remove(world.parts.engine.sync_engine, "before_cursor_execute", look)


async def used(world: Any) -> dict[str, Any]:
    async with world.parts.reading() as session:
        rows = await session.execute(select(ApiKey.id, ApiKey.last_used_at))
        return {key_id: at for key_id, at in rows if at is not None}


async def test_keys_that_are_used_together_are_one_write_and_then_none_for_an_hour(
    world: Any, writes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now)  # not that of the event loop
    monkeypatch.setattr(key_use, "time", clock)
    uses = KeyUse(world.parts.sessions, gather_s=0.01)
    async with world.parts.reading() as session:
        both = list(await session.scalars(select(ApiKey.id)))
    for _ in range(50):
        for key_id in both:
            uses.note(key_id)
    await until(lambda: len(writes) == 1)
    first = await used(world)
    assert sorted(first) == sorted(both)
    now += key_use.AGAIN_AFTER_S - 1
    uses.note(both[0])
    await asyncio.sleep(0.05)
    assert len(writes) == 1
    now += 2
    uses.note(both[0])
    await until(lambda: len(writes) == 2)
    second = await used(world)
    assert second[both[0]] > first[both[0]]
    assert second[both[1]] == first[both[1]]
    await uses.close()


async def test_what_a_database_in_trouble_did_not_take_is_told_at_the_next_use(
    world: Any, writes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_used: Any) -> Any:
        raise PoolTimeout

    uses = KeyUse(world.parts.sessions, gather_s=0.01)
    key_id = "key_" + world.key.split("_")[1]
    with monkeypatch.context() as patched, capture_logs() as lines:
        patched.setattr(key_use, "note_use", locked)
        uses.note(key_id)
        await until(lambda: lines)
    assert lines[0]["event"] == "use of keys not noted"
    assert writes == []
    uses.note(key_id)
    await until(lambda: len(writes) == 1)
    await uses.close()
    assert list(await used(world)) == [key_id]


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - statements and lines set no event
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.01)  # and committed


async def test_a_request_notes_its_key(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []
    monkeypatch.setattr(world.parts.keys, "_used", noted.append)
    await world.client.get("/v1/models")
    assert noted == ["key_" + world.key.split("_")[1]]
