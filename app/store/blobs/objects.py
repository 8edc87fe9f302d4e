"""Stored bytes: a folder or an S3 bucket behind the same calls, streamed and hashed on the way.

    file:///var/lib/lathe/objects
    s3://bucket/prefix?endpoint=http://127.0.0.1:8333&region=us-east-1

An object is written once, under a random key, and never changed; so nothing here needs a
conditional PUT, which several S3 stores do not have. Reads ask for windows: every request is
short, whatever the object's size and the client's speed, and memory is bounded.

The library's blocking calls run in threads of our own, because its coroutines are completed
by foreign threads, and one that comes too late aborts an interpreter that is shutting down
(obstore 0.12.1, Python 3.11: several of six short programs ended with SIGABRT).
"""

import asyncio
import hashlib
import os
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import obstore
from obstore.store import LocalStore, S3Store

from app.store.blobs.inventory import Listed, inventory
from app.store.blobs.object_errors import object_errors
from app.store.blobs.object_store import TIMEOUT_S, object_store
from app.store.blobs.open_file import OpenFile
from app.store.blobs.seen import seen
from app.store.blobs.sink import Sink, Written
from app.store.blobs.write_all import write_all
from app.store.blobs.write_behind import WriteBehind
from lathe.errors import Missing, Unavailable

__all__ = ["Objects", "Written", "new_key"]

_BUCKET_WINDOW_BYTES = 8 << 20
_FILE_WINDOW_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 20
_THREADS = 16
_LATE = 1.2  # of the store's own timeout: it deserves to speak first
_KIND = re.compile(r"[a-z][a-z0-9_-]{0,30}")

Result = TypeVar("Result")
Source = Callable[[int, int], bytes]  # (start, size_bytes): that part of one object


def new_key(kind: str) -> str:
    """A fresh random key such as `models/3f/3f9a...`; it tells nothing about the content."""
    if not _KIND.fullmatch(kind):
        raise ValueError(f"{kind!r} is not a kind of object")
    name = uuid.uuid4().hex
    return f"{kind}/{name[:2]}/{name}"


class Objects:
    """One store. Make it after a fork, never before: it owns threads."""

    def __init__(self, store: LocalStore | S3Store, timeout_s: float = TIMEOUT_S) -> None:
        self._store = store
        self._late_s = timeout_s * _LATE
        local = isinstance(store, LocalStore)
        self._window_bytes = _FILE_WINDOW_BYTES if local else _BUCKET_WINDOW_BYTES
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="objects")

    @classmethod
    def open(
        cls,
        url: str,
        *,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> "Objects":
        """The store at `url`; raises ValueError and OSError as `object_store`."""
        store = object_store(
            url,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            timeout_s=timeout_s,
        )
        return cls(store, timeout_s)

    async def write(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int | None
    ) -> Written:
        """Stream `chunks` into a new object; on an error or a cancel nothing stays behind.

        Raises TooLarge over `max_bytes`, OutOfDisk, Unavailable, and what `chunks` raises.
        """
        sink = Sink(self._store, key, max_bytes)
        behind = WriteBehind(sink, self.in_thread)
        try:
            async for chunk in chunks:
                await behind.take(chunk)
            await behind.rest()
            return await self.in_thread(sink.finish)
        except BaseException as error:  # a cancel too: the object must not outlive it
            aborted = asyncio.shield(self.in_thread(sink.abort))
            if not (isinstance(error, Unavailable) and isinstance(self._store, S3Store)):
                await aborted  # a bucket that is away would keep the answer waiting once more
            raise

    @property
    def folder(self) -> Path | None:
        """The object folder; None for a bucket."""
        return Path(str(self._store.prefix)) if isinstance(self._store, LocalStore) else None

    def in_thread(self, call: Callable[[], Result]) -> asyncio.Future[Result]:
        """Run a blocking call in one of the store's threads."""
        return asyncio.get_running_loop().run_in_executor(self._threads, call)

    def put(self, key: str, data: bytes) -> None:
        """A small object, of about 8 MiB at most, in one request; raises OutOfDisk,
        Unavailable."""
        with object_errors(self._store):
            obstore.put(self._store, key, data, use_multipart=False)

    def write_file(self, key: str, path: Path) -> Written:
        """Copy a file into a new object; raises OutOfDisk, Unavailable."""
        sink = Sink(self._store, key, None)
        try:
            with path.open("rb", buffering=0) as file:
                room = memoryview(bytearray(_BUFFER_BYTES))
                while size_bytes := file.readinto(room):
                    sink.write(room[:size_bytes])
            return sink.finish()
        except BaseException:  # an interrupt too: the object must not outlive it
            sink.abort()
            raise

    def read_to_file(self, key: str, path: Path) -> str:
        """Copy an object into a file and return its sha256; raises Missing, OutOfDisk, ...

        A copy that fails leaves no file.
        """
        digest = hashlib.sha256()
        try:
            with path.open("wb", buffering=0) as file:  # so that no write hides in the close
                for window in self._windows(key):
                    digest.update(window)
                    with object_errors():
                        write_all(file.fileno(), window)
        except BaseException:  # an interrupt too: half a copy must not look like one
            path.unlink(missing_ok=True)
            raise
        return digest.hexdigest()

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """The object's bytes `start` to `start + length`, in windows of 1 MiB, 8 from S3.

            async for window in await objects.read(key, 0, size_bytes): ...

        The first window is fetched before this returns, so that Missing and Unavailable are
        raised before an answer has begun.
        """
        source, first = await self._soon(partial(self._begun, key, start, length))
        rest = self._file_rest if isinstance(self._store, LocalStore) else self._bucket_rest
        return rest(source, first, start + len(first), length - len(first))

    async def _file_rest(
        self, source: Source, window: bytes, start: int, length: int
    ) -> AsyncIterator[bytes]:
        """Nothing is read ahead: the kernel does that already."""
        yield window
        while length:
            window = await self.in_thread(partial(self._window, source, start, length))
            start, length = start + len(window), length - len(window)
            yield window

    async def _bucket_rest(
        self, source: Source, window: bytes, start: int, length: int
    ) -> AsyncIterator[bytes]:
        """Each window is on its way while the one before it is used."""
        while length:
            coming = self.in_thread(partial(self._window, source, start, length))
            coming.add_done_callback(seen)
            yield window
            window = await self._in_time(coming)
            start, length = start + len(window), length - len(window)
        yield window

    def listed(self) -> Iterator[Listed]:
        """Every object of the store, in no order; raises Unavailable."""
        return inventory(self._store)

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is fine. Raises Unavailable."""
        with suppress(Missing), object_errors():
            obstore.delete(self._store, key)

    def delete_below(self, key: str) -> None:
        """Remove the object `key` and, in a bucket, all that lies below it as in a folder."""
        self.delete(key)
        if isinstance(self._store, S3Store):
            with suppress(Missing), object_errors(self._store):
                for batch in obstore.list(self._store, prefix=key):
                    obstore.delete(self._store, [each["path"] for each in batch])

    async def adelete(self, key: str) -> None:
        """`delete` for coroutines."""
        await self._soon(partial(self.delete, key))

    async def size(self, key: str) -> int:
        """How large an object is; raises Missing, Unavailable."""
        return await self._soon(partial(self._size, key))

    async def healthy(self) -> None:
        """Raise Unavailable unless the store answers with these credentials."""
        await self._soon(self._check)

    def _check(self) -> None:
        if isinstance(self._store, LocalStore):
            if not os.access(str(self._store.prefix), os.R_OK | os.W_OK | os.X_OK):
                raise Unavailable("the object folder is gone or not writable")
            return
        try:
            with object_errors():
                next(obstore.list(self._store, prefix="healthy", chunk_size=1), None)
        except Missing as error:
            raise Unavailable("the object store has no such bucket") from error

    def _size(self, key: str) -> int:
        with object_errors(self._store):
            return obstore.head(self._store, key)["size"]

    def _windows(self, key: str) -> Iterator[bytes]:
        left = self._size(key)
        source, window = self._begun(key, 0, left)
        start = 0
        while window:
            yield window
            start, left = start + len(window), left - len(window)
            window = self._window(source, start, left)

    def _begun(self, key: str, start: int, length: int) -> tuple[Source, bytes]:
        with object_errors(self._store):
            source = self._source(key)
        return source, self._window(source, start, length)

    def _source(self, key: str) -> Source:
        if isinstance(self._store, LocalStore):
            return OpenFile(f"{self._store.prefix}/{key}").piece
        return partial(_fetched, self._store, key)

    def _window(self, source: Source, start: int, length: int) -> bytes:
        asked = min(length, self._window_bytes)
        if asked == 0:
            return b""
        with object_errors(self._store):
            window = source(start, asked)
        if len(window) != asked:
            raise Unavailable("the stored object is shorter than what was recorded of it")
        return window

    async def _soon(self, call: Callable[[], Result]) -> Result:
        return await self._in_time(self.in_thread(call))

    async def _in_time(self, work: asyncio.Future[Result]) -> Result:
        """What `work` gives; raises Unavailable when the threads are all held up by a store
        that is silent."""
        try:
            async with asyncio.timeout(self._late_s):
                return await work
        except TimeoutError:
            raise Unavailable("the object store does not answer; retry in a moment") from None


def _fetched(store: S3Store, key: str, start: int, size_bytes: int) -> bytes:
    return obstore.get_range(store, key, start=start, length=size_bytes).to_bytes()
