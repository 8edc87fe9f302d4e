"""Everybody in this process who waits for a job waits on one poll of the database.

A thousand streams and long polls cost one small statement every `POLL_S`, and none while
nobody waits. No transaction is open in between. A crowd that waits for the same is woken some
at a time, and every other request has its turn between them.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.store.reads import Reader, Standing, standings

POLL_S = 0.25
_AT_A_TIME = 16  # are woken before others have their turn
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
        self.polled_s = 0.0  # of time.monotonic: when the last poll was answered

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
            self.polled_s = time.monotonic()
            await self._wake(asked, found)

    async def _wake(self, asked: set[str], found: dict[str, Standing]) -> None:
        """Those who have what they wait for."""
        woken = 0
        for waiter in list(self._waiters):
            if waiter.job_id not in asked or waiter.answer.done():
                continue
            standing = found.get(waiter.job_id)
            if standing is None or waiter.reached(standing):
                waiter.answer.set_result(None)
                woken += 1
                if woken % _AT_A_TIME == 0:
                    await asyncio.sleep(0)

    def _end(self, polling: asyncio.Task[None]) -> None:
        """Hand on to the waiters why there will be no further poll."""
        for waiter in self._waiters:
            if waiter.answer.done():
                continue
            if polling.cancelled():
                waiter.answer.cancel()
            elif (error := polling.exception()) is not None:
                waiter.answer.set_exception(error)
