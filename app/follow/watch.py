"""Everybody in this process who waits for a job waits on one poll of the database.

A thousand streams and long polls cost one small statement every `POLL_S`, and none while
nobody waits. No transaction is open in between.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from app.store.reads import Reader, Standing, standings

POLL_S = 0.25
Reached = Callable[[Standing], bool]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiter:
    job_id: str
    reached: Reached
    answer: asyncio.Future[None]


class Watch:
    """Wakes those who wait for a job."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._waiters: set[_Waiter] = set()
        self._polling: asyncio.Task[None] | None = None

    async def until(self, job_id: str, reached: Reached, seconds: float) -> bool:
        """True when a poll finds the job as `reached` wants it, or gone; False when the time
        is up. Raises what the poll raises: SQLAlchemyError."""
        waiter = _Waiter(job_id, reached, asyncio.get_running_loop().create_future())
        self._waiters.add(waiter)
        if self._polling is None or self._polling.done():
            self._polling = asyncio.create_task(self._poll())
            self._polling.add_done_callback(self._end)
        try:
            await asyncio.wait_for(waiter.answer, seconds)
        except TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True

    async def close(self) -> None:
        """Stop polling; who still waits is cancelled."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.wait([self._polling])

    async def _poll(self) -> None:
        while self._waiters:
            await asyncio.sleep(POLL_S)
            asked = {waiter.job_id for waiter in self._waiters}
            found = await standings(self._reader, asked)
            for waiter in self._waiters:
                standing = found.get(waiter.job_id)
                gone = standing is None and waiter.job_id in asked
                there = standing is not None and waiter.reached(standing)
                if (gone or there) and not waiter.answer.done():
                    waiter.answer.set_result(None)

    def _end(self, polling: asyncio.Task[None]) -> None:
        """Hand on to the waiters why there will be no further poll."""
        for waiter in self._waiters:
            if waiter.answer.done():
                continue
            if polling.cancelled():
                waiter.answer.cancel()
            elif (error := polling.exception()) is not None:
                waiter.answer.set_exception(error)
