"""Staged bytes as one object a part, as in a bucket; here the objects lie in a folder."""

from typing import Any

import pytest
from sqlalchemy import select, update

from app.resume import in_bucket
from app.resume.in_bucket import InBucket
from app.store.rows import Upload, UploadPart
from app.store.rows.base import utc_now
from lathe.errors import Conflict, Locked, Missing

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_bucket, "PART_BYTES", 4)


@pytest.fixture
def place(world: Any) -> InBucket:
    return InBucket(world.parts.objects, world.parts.sessions)


async def upload(world: Any, length_bytes: int = 11) -> Upload:
    row = Upload(
        project_id=world.project_id,
        length_bytes=length_bytes,
        stage_key="uploads/3f/stage",
        expires_at=utc_now().replace(year=2999),
    )
    await world.add(row)
    return row


async def parts(world: Any) -> list[tuple[int, int]]:
    async with world.parts.reading() as session:
        rows = await session.scalars(select(UploadPart).order_by(UploadPart.start_bytes))
        return [(row.start_bytes, row.size_bytes) for row in rows]


async def test_parts_are_full_but_for_the_last_of_a_request(
    world: Any, place: InBucket
) -> None:
    row = await upload(world)
    async with place.receiving(row) as receiving:
        for piece in (b"abc", b"de", b"f"):
            await receiving.take(piece)
        await receiving.rest()
        assert receiving.offset_bytes == 6
    assert await parts(world) == [(0, 5), (5, 1)]
    async with place.receiving(row) as receiving:
        assert receiving.offset_bytes == 6
        for piece in (b"gh", b"ij", b"k"):
            await receiving.take(piece)
        await receiving.rest()
    assert await parts(world) == [(0, 5), (5, 1), (6, 4), (10, 1)]
    assert await place.offset(row) == 11
    whole = await place.whole(row)
    assert (world.objects / whole.key).read_bytes() == b"abcdefghijk"
    assert (await place.whole(row)).key != whole.key


async def test_a_second_request_is_refused_until_the_first_ends(
    world: Any, place: InBucket
) -> None:
    row = await upload(world)
    async with place.receiving(row) as receiving:
        with pytest.raises(Locked):
            async with place.receiving(row):
                pass
        await receiving.take(b"abc")
        await receiving.rest()
    async with place.receiving(row):
        pass
    assert (await world.get(Upload, row.id)).held_by is None


async def test_a_dead_ones_lease_ends_and_a_frozen_one_adds_nothing_afterwards(
    world: Any, place: InBucket
) -> None:
    row = await upload(world)
    async with place.receiving(row) as frozen:
        await frozen.take(b"abc")
        await frozen.rest()
        async with world.parts.writing() as session:
            lapsed = utc_now().replace(year=2001)
            await session.execute(update(Upload).values(held_until=lapsed))
        async with place.receiving(row) as living:
            await living.take(b"def")
            await living.rest()
            await frozen.take(b"XYZ")
            with pytest.raises(Conflict, match="meanwhile"):
                await frozen.rest()
        assert living.offset_bytes == 6
    assert await parts(world) == [(0, 3), (3, 3)]


async def test_a_part_that_cannot_be_stored_does_not_count(
    world: Any, place: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await upload(world)

    def away(_key: str, _data: bytes) -> None:
        raise Missing("played")

    async with place.receiving(row) as receiving:
        await receiving.take(b"abcd")
        await receiving.rest()
        monkeypatch.setattr(world.parts.objects, "put", away)
        await receiving.take(b"efgh")
        with pytest.raises(Missing, match="played"):
            await receiving.rest()
    assert await place.offset(row) == 4


async def test_an_upload_with_a_hole_is_not_made_an_object(world: Any, place: InBucket) -> None:
    row = await upload(world)
    async with place.receiving(row) as receiving:
        await receiving.take(b"abcdefgh")
        await receiving.rest()
    with pytest.raises(Missing, match="send the file again"):
        await place.whole(row)


async def test_crumbs_are_refused_before_there_are_too_many(
    world: Any, place: InBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_bucket, "MOST_PARTS", 2)
    row = await upload(world)
    for piece in (b"a", b"b"):
        async with place.receiving(row) as receiving:
            await receiving.take(piece)
            await receiving.rest()
    with pytest.raises(Conflict, match="8 MiB or more"):
        async with place.receiving(row):
            pass
    assert (await world.get(Upload, row.id)).held_by is None
