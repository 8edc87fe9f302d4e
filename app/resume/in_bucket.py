"""Staged bytes in a bucket: one object for each 8 MiB, and a row for each object.

A part counts once its row is committed, which is after its bytes are in the bucket. Rows of
one upload cannot overlap, and are written only by whoever holds the lease; so a request that
was frozen, and comes back to a lease that is another's, adds nothing.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

from sqlalchemy import ColumnElement, or_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.resume.place import Whole
from app.store.blobs.objects import Objects, new_key
from app.store.blobs.seen import seen
from app.store.clock import db_now, db_now_plus
from app.store.db import AsyncSessions
from app.store.rows import Upload, UploadPart
from app.store.transfers import part_count, parts_of, received_bytes
from lathe import ids
from lathe.errors import Conflict, Locked, Missing

PART_BYTES = 8 << 20
MOST_PARTS = 20_000
_LEASE_S = 15.0
_RENEW_S = 4.0


class InBucket:
    """A place of staged bytes."""

    def __init__(self, objects: Objects, sessions: AsyncSessions) -> None:
        self._objects, self._sessions = objects, sessions

    async def offset(self, row: Upload) -> int:
        """So many bytes of the upload are kept."""
        async with self._sessions() as session, session.begin():
            await session.connection(execution_options={"read_only": True})
            return await session.scalar(received_bytes(row.id)) or 0

    @asynccontextmanager
    async def receiving(self, row: Upload) -> AsyncIterator["_Sending"]:
        """Add to the upload; raises Locked while another request does, and Conflict where it
        has come in so many small pieces that putting them together would take for ever."""
        lease = _Lease(self._sessions, row.id)
        await lease.take()
        try:
            async with self._sessions() as session, session.begin():
                pieces = await session.scalar(part_count(row.id)) or 0
            if pieces >= MOST_PARTS:
                raise Conflict(
                    f"the upload has come in {pieces} pieces already; end it, and begin one "
                    "that sends 8 MiB or more with each request"
                )
            yield _Sending(self._objects, lease, row.stage_key, await self.offset(row))
        finally:
            await lease.give_back()

    async def whole(self, row: Upload) -> Whole:
        """The parts copied into one object, which gets a key of its own each time."""
        async with self._sessions() as session, session.begin():
            await session.connection(execution_options={"read_only": True})
            parts = (await session.scalars(parts_of(row.id))).all()
        if sum(part.size_bytes for part in parts) != row.length_bytes:
            raise Missing("the upload's bytes are gone; send the file again")
        key = new_key("uploads")
        written = await self._objects.write(key, self._bytes(parts), max_bytes=None)
        return Whole(key, written.sha256)

    async def _bytes(self, parts: Sequence[UploadPart]) -> AsyncIterator[bytes]:
        for part in parts:
            async for window in await self._objects.read(part.key, 0, part.size_bytes):
                yield window


class _Lease:
    """The right to add parts: a token in the upload's row, with an end that is put off."""

    def __init__(self, sessions: AsyncSessions, upload_id: str) -> None:
        self._sessions, self.upload_id = sessions, upload_id
        self._token = ids.new("hld")
        self._done = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    async def take(self) -> None:
        """Raises Locked while somebody else has it."""
        free = or_(Upload.held_until.is_(None), Upload.held_until < db_now())
        if not await self._changed(free):
            raise Locked("another request is sending bytes of this upload; retry in a moment")
        self._keeping = asyncio.create_task(self._keep())
        self._keeping.add_done_callback(seen)

    async def add(self, part: UploadPart) -> None:
        """Make a part count; raises Conflict when the lease is another's."""
        async with self._sessions.begin() as session:
            if not await self._put_off(session, Upload.held_by == self._token):
                raise Conflict("another request has gone on with this upload meanwhile")
            session.add(part)

    async def give_back(self) -> None:
        """Let the next request in at once."""
        self._done.set()
        if self._keeping is not None:
            await asyncio.wait([self._keeping])
        async with self._sessions.begin() as session:
            mine = (Upload.id == self.upload_id, Upload.held_by == self._token)
            await session.execute(
                update(Upload).where(*mine).values(held_by=None, held_until=None)
            )

    async def _keep(self) -> None:
        """A database that is away ends this only: a lease that nobody took is still ours."""
        while await self._changed(Upload.held_by == self._token):
            with suppress(TimeoutError):
                async with asyncio.timeout(_RENEW_S):
                    await self._done.wait()
                    return

    async def _changed(self, condition: ColumnElement[bool]) -> bool:
        async with self._sessions.begin() as session:
            return await self._put_off(session, condition)

    async def _put_off(self, session: AsyncSession, condition: ColumnElement[bool]) -> bool:
        changed = (
            update(Upload)
            .where(Upload.id == self.upload_id, condition)
            .values(held_by=self._token, held_until=db_now_plus(_LEASE_S))
            .returning(Upload.id)
            .execution_options(synchronize_session=False)
        )
        return await session.scalar(changed) is not None


class _Sending:
    """One part fills while the one before it is stored."""

    def __init__(self, objects: Objects, lease: _Lease, stage_key: str, offset: int) -> None:
        self._objects, self._lease, self._stage_key = objects, lease, stage_key
        self.offset_bytes = self._next = offset
        self._filling = bytearray()
        self._storing: asyncio.Task[None] | None = None

    async def take(self, piece: bytes) -> None:
        """Add `piece`."""
        self._filling += piece
        if len(self._filling) >= PART_BYTES:
            await self._send()

    async def rest(self) -> None:
        """Store what is left; it counts when this returns."""
        if self._filling:
            await self._send()
        await self._stored()

    async def _send(self) -> None:
        await self._stored()
        data, self._filling = bytes(self._filling), bytearray()
        self._storing = asyncio.create_task(self._store(self._next, data))
        self._storing.add_done_callback(seen)
        self._next += len(data)

    async def _stored(self) -> None:
        if self._storing is not None:
            await self._storing

    async def _store(self, start: int, data: bytes) -> None:
        key = f"{self._stage_key}/{start:012d}.{uuid.uuid4().hex[:8]}"
        await self._objects.in_thread(partial(self._objects.put, key, data))
        part = UploadPart(
            upload_id=self._lease.upload_id, start_bytes=start, size_bytes=len(data), key=key
        )
        await self._lease.add(part)
        self.offset_bytes = start + len(data)
