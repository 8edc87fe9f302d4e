"""Keys that were verified a moment ago."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from app import known_keys
from app.known_keys import KnownKeys
from app.store.rows import ApiKey
from app.store.rows.base import utc_now
from lathe.errors import Unauthenticated

pytestmark = pytest.mark.anyio


def noted(_key_id: str) -> None:
    """Whoever asks when keys are used has a test of its own."""


class Counted:
    """A reader that counts its questions; `during` runs in the middle of each."""

    def __init__(self, reader: Any) -> None:
        self._reader, self.asked = reader, 0
        self.during: Any = None

    async def rows(self, *question: Any) -> Any:
        self.asked += 1
        rows = await self._reader.rows(*question)
        await asyncio.sleep(0)
        if self.during:
            self.during()
        return rows

    async def close(self) -> None:
        pass


@pytest.fixture
def reader(world: Any) -> Counted:
    return Counted(world.parts.reads)


async def test_many_who_come_at_once_are_one_question(world: Any, reader: Counted) -> None:
    keys = KnownKeys(reader, used=noted)
    found = await asyncio.gather(*(keys.trusted(world.key) for _ in range(7)))
    assert {key.project_id for key in found} == {world.project_id}
    assert reader.asked == 1
    assert await keys.trusted(world.key) == found[0]
    assert reader.asked == 1
    await keys.verified(world.key)
    assert reader.asked == 2


async def test_a_wrong_key_is_asked_about_every_time(world: Any, reader: Counted) -> None:
    keys = KnownKeys(reader, used=noted)
    for wrong in (world.key + "x", world.key[:-1], "lt__", ""):
        for _ in range(2):
            with pytest.raises(Unauthenticated):
                await keys.trusted(wrong)
    assert reader.asked == 8
    assert keys.recent(world.key + "x") is None


async def test_a_key_is_asked_about_again_after_a_while(
    world: Any, reader: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(known_keys.time, "monotonic", lambda: now)
    keys = KnownKeys(reader, used=noted)
    await keys.trusted(world.key)
    async with world.parts.writing() as session:  # as another process does it
        await session.execute(update(ApiKey).values(revoked_at=utc_now()))
    now += 4.9
    await keys.trusted(world.key)
    assert reader.asked == 1
    now += 0.2
    with pytest.raises(Unauthenticated, match="revoked"):
        await keys.trusted(world.key)


async def test_an_expiry_is_kept_to_the_moment(
    world: Any, reader: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.parts.writing() as session:
        await session.execute(update(ApiKey).values(expires_at=utc_now().replace(year=2090)))
    keys = KnownKeys(reader, used=noted)
    await keys.trusted(world.key)
    assert keys.recent(world.key) is not None
    monkeypatch.setattr(known_keys, "utc_now", lambda: utc_now().replace(year=2091))
    assert keys.recent(world.key) is None
    with pytest.raises(Unauthenticated, match="expired"):
        await keys.trusted(world.key)


async def test_a_key_revoked_while_it_is_verified_is_not_remembered(
    world: Any, reader: Counted
) -> None:
    keys = KnownKeys(reader, used=noted)
    reader.during = lambda: keys.forget("key_any")
    await keys.verified(world.key)
    assert keys.recent(world.key) is None


async def test_the_keys_seen_first_make_room(
    world: Any, reader: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "MAX_ENTRIES", 1)
    other = world.stranger.headers["authorization"].removeprefix("Bearer ")
    keys = KnownKeys(reader, used=noted)
    await keys.trusted(world.key)
    await keys.trusted(other)
    assert keys.recent(world.key) is None
    assert keys.recent(other) is not None
