"""The bytes of resumable uploads, wherever they are kept, and the check when they are whole."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial

from sqlalchemy import delete

from app.logs import log
from app.resume.in_bucket import InBucket
from app.resume.in_folder import InFolder
from app.resume.place import Place, Receiving, Whole
from app.store.blobs.objects import Objects
from app.store.blobs.seen import seen
from app.store.db import AsyncSessions
from app.store.rows import Upload, UploadPart
from app.store.transfers import note_check
from lathe.errors import Malformed, Missing, NotReady, Refused

_WAIT_S = 20.0  # of a request, for the check of a file that is large or in a bucket


class Staging:
    """One for each process. Any number of processes may work on the same uploads."""

    def __init__(self, objects: Objects, sessions: AsyncSessions) -> None:
        self._objects, self._sessions = objects, sessions
        folder = objects.folder
        self._place: Place = (
            InBucket(objects, sessions) if folder is None else InFolder(objects, folder)
        )
        self._checks: dict[str, asyncio.Task[Whole]] = {}

    async def offset(self, row: Upload) -> int:
        """So many bytes of the upload are kept, whatever happens."""
        return row.length_bytes if row.key else await self._place.offset(row)

    def receiving(self, row: Upload) -> AbstractAsyncContextManager[Receiving]:
        """Add to the upload; raises Locked while another request does."""
        return self._place.receiving(row)

    async def checked(self, row: Upload) -> Whole:
        """A whole upload as one object, read through.

        Raises Malformed when other bytes came than were promised, and NotReady when it takes
        so long that the client should ask again; the work goes on meanwhile. A process that
        dies over it leaves the upload as it was.
        """
        if row.key is not None and row.found_sha256 is not None:
            whole = Whole(row.key, row.found_sha256)
        else:
            whole = await self._in_time(row)
        if row.sha256 not in {None, whole.sha256}:
            raise Malformed(
                f"the bytes that arrived have the sha256 {whole.sha256}, not {row.sha256}; "
                "send the file again, as a new upload"
            )
        return whole

    async def drop(self, row: Upload) -> None:
        """Free the space of an upload that was deleted; what cannot be reached now is deleted
        by the sweep."""
        await self._forget(row.id, [row.stage_key, *([row.key] if row.key else [])])

    async def close(self) -> None:
        """End the checks that run; they are begun again when they are asked for."""
        checks = list(self._checks.values())
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def _in_time(self, row: Upload) -> Whole:
        check = self._checks.get(row.id)
        if check is None:
            check = self._checks[row.id] = asyncio.create_task(self._check(row))
            check.add_done_callback(seen)
            check.add_done_callback(lambda _: self._checks.pop(row.id, None))
        try:
            async with asyncio.timeout(_WAIT_S):
                return await asyncio.shield(check)
        except TimeoutError:
            raise NotReady(
                "the upload is whole and is still being read through; ask again in a moment"
            ) from None

    async def _check(self, row: Upload) -> Whole:
        """The first of several processes decides; they all read the same bytes."""
        whole = await self._place.whole(row)
        async with self._sessions.begin() as session:
            first = await session.scalar(note_check(row.id, whole.key, whole.sha256))
            if first is not None:
                await session.execute(delete(UploadPart).where(UploadPart.upload_id == row.id))
            now = await session.get(Upload, row.id)
        superfluous = [row.stage_key, whole.key]
        if now is not None and not now.damaged:
            superfluous = [key for key in superfluous if key != now.key]
        await self._forget(row.id, superfluous)
        if now is None or now.key is None or now.found_sha256 is None:
            raise Missing("the upload was deleted meanwhile")
        return Whole(now.key, now.found_sha256)

    async def _forget(self, upload_id: str, keys: list[str]) -> None:
        try:
            for key in keys:
                await self._objects.in_thread(partial(self._objects.delete_below, key))
        except Refused as error:
            log("app.resume").warning(
                "staged bytes stay", upload_id=upload_id, why=error.detail
            )
