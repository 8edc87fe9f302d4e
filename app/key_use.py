"""When each key was last used: told to the database in batches, once an hour for each key.

A request only writes the moment into memory; one task writes for all of them. What was noted
last is lost when the process ends, so `last_used_at` is right to about the hour.
"""

import asyncio
import time
from contextlib import suppress
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from app.logs import log
from app.store.db import AsyncSessions
from app.store.key_use import note_use
from app.store.rows.base import utc_now
from app.store.trouble import database_trouble, in_one_line

AGAIN_AFTER_S = 3600.0
GATHER_S = 5.0


class KeyUse:
    """Gathers which keys were used, and writes it down."""

    def __init__(self, sessions: AsyncSessions, *, gather_s: float = GATHER_S) -> None:
        self._sessions = sessions
        self._gather_s = gather_s
        self._noted_s: dict[str, float] = {}
        self._used: dict[str, datetime] = {}
        self._anything = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def note(self, key_id: str) -> None:
        """This key was right just now; costs a look into a dictionary."""
        now_s = time.monotonic()
        if now_s - self._noted_s.get(key_id, float("-inf")) < AGAIN_AFTER_S:
            return
        self._noted_s[key_id] = now_s
        self._used[key_id] = utc_now()
        self._anything.set()
        if self._task is None:
            self._task = asyncio.create_task(self._write_for_ever())

    async def close(self) -> None:
        """Write nothing any more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _write_for_ever(self) -> None:
        while True:
            await self._anything.wait()
            await asyncio.sleep(self._gather_s)
            self._anything.clear()
            await self._write()

    async def _write(self) -> None:
        """What cannot be written now is noted at the key's next use."""
        used, self._used = self._used, {}
        self._forget_old()
        try:
            async with self._sessions.begin() as session:
                await session.execute(note_use(used))
        except SQLAlchemyError as error:
            if database_trouble(error) is None:
                raise
            for key_id in used:
                self._noted_s.pop(key_id, None)
            log("app.keys").warning("use of keys not noted", why=in_one_line(error))

    def _forget_old(self) -> None:
        oldest_s = time.monotonic() - AGAIN_AFTER_S
        self._noted_s = {key: at_s for key, at_s in self._noted_s.items() if at_s > oldest_s}
