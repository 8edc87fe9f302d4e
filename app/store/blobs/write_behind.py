"""A stream of small pieces becomes few large writes, made while the next pieces arrive."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from app.store.blobs.seen import seen

BUFFER_BYTES = 1 << 20

Run = Callable[[Callable[[], None]], asyncio.Future[None]]


class Target(Protocol):
    """Where the large writes go."""

    def write(self, data: memoryview, /) -> None:
        """Add `data`, which is used for other bytes afterwards."""


class WriteBehind:
    """Two buffers of 1 MiB: one fills while the other is hashed and written in a thread.

    Both are made once and used over and over, so a stream of any length costs the same
    memory; who sends faster than the disk takes has to wait.
    """

    def __init__(self, target: Target, run: Run) -> None:
        """`run` runs a call in a thread."""
        self._target, self._run = target, run
        self._filling, self._other = _buffer(), _buffer()
        self._filled_bytes = 0
        self._pending: asyncio.Future[None] | None = None

    async def take(self, piece: bytes) -> None:
        """Add `piece`; raises what writing an earlier piece raised."""
        left = memoryview(piece)
        while left:
            here = self._filling[self._filled_bytes : self._filled_bytes + len(left)]
            here[:] = left[: len(here)]
            self._filled_bytes += len(here)
            left = left[len(here) :]
            if self._filled_bytes == BUFFER_BYTES:
                await self._send()

    async def rest(self) -> None:
        """Write what is left and wait for it."""
        await self._send()
        await self._landed()

    async def _send(self) -> None:
        await self._landed()
        full = self._filling[: self._filled_bytes]
        self._pending = self._run(partial(self._target.write, full))
        self._pending.add_done_callback(seen)
        self._filling, self._other, self._filled_bytes = self._other, self._filling, 0

    async def _landed(self) -> None:
        if self._pending is not None:
            await self._pending


def _buffer() -> memoryview:
    return memoryview(bytearray(BUFFER_BYTES))
