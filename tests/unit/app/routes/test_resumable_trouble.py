"""Uploads in pieces when something breaks: what came is kept, what is left is swept."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.requests import ClientDisconnect

from app.store import transfers
from app.store.db import sessions, sync_engine
from app.store.rows import Blob, DeadObject, Model, Upload
from app.store.rows.base import utc_now
from tests.unit.app.routes.tus import SEVEN_SHA256, TUS, begun, offset, sent

pytestmark = pytest.mark.anyio


def left_behind(path: Path, content: bytes) -> None:
    """As a process that was killed leaves it."""
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(500):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_two_requests_at_once_cannot_mix_their_bytes(world: Any) -> None:
    location = await begun(world.client, 7)
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"abc"
        await go_on.wait()
        yield b"defg"

    first = asyncio.create_task(sent(world.client, location, 0, slow()))
    path = world.objects / (await world.get(Upload, location.rpartition("/")[2])).stage_key
    await until(path.exists)
    second = await sent(world.client, location, 0, b"ABCDEFG")
    assert (second.status_code, second.json()["code"]) == (423, "locked")
    assert second.headers["retry-after"] == "1"
    go_on.set()
    assert (await first).status_code == 204
    assert path.read_bytes() == b"abcdefg"


async def test_what_came_before_a_cut_is_kept(world: Any) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield b"abcde"
        raise ClientDisconnect

    location = await begun(world.client, 7, sha256=SEVEN_SHA256)
    assert (await sent(world.client, location, 0, cut())).status_code == 400
    assert await offset(world.client, location) == 5
    assert (await sent(world.client, location, 5, b"fg")).status_code == 204


async def test_a_silent_client_does_not_keep_others_out(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(world.parts.settings.__dict__, "upload_idle_s", 0.05)

    async def silent() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.Event().wait()

    location = await begun(world.client, 7)
    answer = await sent(world.client, location, 0, silent())
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert await offset(world.client, location) == 3


async def test_a_full_disk_keeps_what_fitted(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, 4

    def until_full(file: int, data: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(28, "No space left on device")
        fits = write(file, bytes(data)[:room])
        room -= fits
        return fits

    location = await begun(world.client, 7, sha256=SEVEN_SHA256)
    monkeypatch.setattr("app.store.blobs.write_all.os.write", until_full)
    full = await sent(world.client, location, 0, b"abcdefg")
    assert (full.status_code, full.json()["code"]) == (507, "out_of_disk")
    assert await offset(world.client, location) == 4
    room = 99
    assert (await sent(world.client, location, 4, b"efg")).status_code == 204


async def test_bytes_that_another_process_received_are_read_through(world: Any) -> None:
    location = await begun(world.client, 7, sha256=SEVEN_SHA256)
    row = await world.get(Upload, location.rpartition("/")[2])
    left_behind(world.objects / row.stage_key, b"abcd")
    assert await offset(world.client, location) == 4
    assert (await sent(world.client, location, 4, b"efg")).status_code == 204
    assert (await world.client.get(location)).json()["sha256"] == SEVEN_SHA256


async def test_a_process_that_died_before_the_check_leaves_it_to_the_next(world: Any) -> None:
    location = await begun(world.client, 7, sha256="1" * 64)
    upload_id = location.rpartition("/")[2]
    row = await world.get(Upload, upload_id)
    left_behind(world.objects / row.stage_key, b"abcdefg")
    assert (await world.client.get(location)).json()["state"] == "whole"
    answer = await world.client.post(f"/v1/models?upload={upload_id}")
    assert (answer.status_code, SEVEN_SHA256 in answer.text) == (400, True)
    async with world.parts.reading() as session:
        assert await session.scalar(select(Model)) is None


async def test_the_sweep_takes_what_expired_and_spares_what_became_a_blob(
    world: Any, settings: Any
) -> None:
    abandoned, used, kept = [await begun(world.client, 7) for _ in range(3)]
    for location, body in ((abandoned, b"abc"), (used, b"abcdefg"), (kept, b"ab")):
        await sent(world.client, location, 0, body)
    made = await world.client.post(f"/v1/models?upload={used.rpartition('/')[2]}")
    blob_id = (await world.get(Model, made.json()["id"])).upload_blob_id
    async with world.parts.writing() as session:
        ids = [each.rpartition("/")[2] for each in (abandoned, used)]
        await session.execute(
            update(Upload).where(Upload.id.in_(ids)).values(expires_at=utc_now())
        )
    assert (await world.client.head(abandoned, headers=TUS)).status_code == 404
    left = (await world.get(Upload, abandoned.rpartition("/")[2])).stage_key
    engine = sync_engine(settings.database_url)
    with sessions(engine).begin() as sync:
        assert transfers.take_expired(sync) == 2
        dead = [(each.key, each.with_all_below) for each in sync.scalars(select(DeadObject))]
    engine.dispose()
    assert dead == [(left, True)]
    assert await world.get(Upload, used.rpartition("/")[2]) is None
    assert (await world.get(Blob, blob_id)) is not None
    assert await offset(world.client, kept) == 2
