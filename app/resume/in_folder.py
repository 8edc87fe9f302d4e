"""Staged bytes in the object folder: a file that grows, and is the object once it is whole."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from app.resume.place import Whole
from app.store.blobs.growing_file import GrowingFile, digest_of, size_of
from app.store.blobs.objects import Objects
from app.store.blobs.running_digest import RunningDigests
from app.store.blobs.write_behind import WriteBehind
from app.store.rows import Upload


class InFolder:
    """A place of staged bytes; the file's size is the offset."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects, self._folder = objects, folder
        self._digests = RunningDigests()

    async def offset(self, row: Upload) -> int:
        """So many bytes of the upload are kept."""
        return await self._objects.in_thread(partial(size_of, self._folder, row.stage_key))

    @asynccontextmanager
    async def receiving(self, row: Upload) -> AsyncIterator["_Adding"]:
        """Add to the upload; raises Locked while another request does."""
        run, key = self._objects.in_thread, row.stage_key
        file = await run(partial(GrowingFile, self._folder, key))
        file.digest = self._digests.take(key, file.size_bytes)
        try:
            yield _Adding(file, self._objects)
        finally:
            file.close()
            if file.digest is not None and file.digest.size_bytes == file.size_bytes:
                self._digests.keep(key, file.digest)

    async def whole(self, row: Upload) -> Whole:
        """The file as it is; it is read unless this process has hashed all of it already."""
        running = self._digests.take(row.stage_key, row.length_bytes)
        if running is not None:
            return Whole(row.stage_key, running.hexdigest())
        found = partial(digest_of, self._folder, row.stage_key)
        return Whole(row.stage_key, await self._objects.in_thread(found))


class _Adding:
    """Two buffers of 1 MiB, as for any upload; see `WriteBehind`."""

    def __init__(self, file: GrowingFile, objects: Objects) -> None:
        self._file, self._run = file, objects.in_thread
        self._behind = WriteBehind(file, objects.in_thread)

    @property
    def offset_bytes(self) -> int:
        """How much there is of the file."""
        return self._file.size_bytes

    async def take(self, piece: bytes) -> None:
        """Add `piece`."""
        await self._behind.take(piece)

    async def rest(self) -> None:
        """Write what is left; it is on the disk when this returns."""
        await self._behind.rest()
        await self._run(self._file.sync)
