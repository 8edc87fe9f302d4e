"""`python -m worker.deliver`: tell webhooks what happened. Any number of copies may run; rows
decide who sends what, and no job ever waits for one.
"""

import asyncio
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from opentelemetry.trace import NoOpTracer, Tracer
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.store import outbox
from app.store.db import Sessions, sessions, sync_engine
from app.store.outbox import Answered, Parcel
from app.store.preflight import preflight
from app.store.traces import tracing
from app.store.trouble import database_trouble
from worker.logs import configure
from worker.outbound.guard import Guard
from worker.outbound.traced import traced
from worker.rounds import Rounds
from worker.settings import Settings

_SLOTS = 32
_OF_A_WEBHOOK, _OF_A_PROJECT = 4, 8  # so that nobody's dead receivers hold all slots
_LOOK_S = 0.5
_AGAIN_S = 2.0  # while the database is away
_LEASE_AFTER_S = 10.0  # behind a try's time limit
_STRETCH = 0.2  # of a wait, by chance

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Courier:
    """One copy. Messages are sent side by side from one thread; the database is spoken to from
    another, one transaction at a time."""

    def __init__(
        self,
        opened: Sessions,
        guard: Guard,
        settings: Settings,
        tracer: Tracer | None = None,
    ) -> None:
        self._sessions = opened
        self._guard = guard
        self._settings = settings
        self._tracer = tracer or NoOpTracer()
        self._allowed = settings.outbound_allowed
        self._rounds = Rounds(opened, "deliver")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._under_way: dict[asyncio.Task[None], Parcel] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; what is under way then may go on for its time limit."""
        while not stop.is_set():
            went = await self._round()
            await self._in_thread(partial(self._rounds.count, failed=not went))
            await self._pause(stop, _LOOK_S if went else _AGAIN_S)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._settings.webhook_timeout_s)
        await self._in_thread(self._rounds.end)

    async def _round(self) -> bool:
        """Fill the slots with what is due; False when the database is away."""
        try:
            while len(self._under_way) < _SLOTS:
                parcel = await self._taken()
                if parcel is None:
                    break
                self._under_way[asyncio.create_task(self._deliver(parcel))] = parcel
        except SQLAlchemyError as error:
            trouble = database_trouble(error)
            if trouble is None:
                raise
            log.warning("no message was taken: %s", trouble.detail)
            return False
        return True

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        """Until the next look, or until a slot is free again."""
        stopping = asyncio.create_task(stop.wait())
        waiting = {stopping, *self._under_way}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for task in [task for task in self._under_way if task.done()]:
            del self._under_way[task]
            task.result()  # a bug in it is a bug here

    async def _taken(self) -> Parcel | None:
        hooks = Counter(parcel.webhook_id for parcel in self._under_way.values())
        projects = Counter(parcel.project_id for parcel in self._under_way.values())
        but_not = [each for each, tries in hooks.items() if tries >= _OF_A_WEBHOOK]
        nor_of = [each for each, tries in projects.items() if tries >= _OF_A_PROJECT]
        lease_s = self._settings.webhook_timeout_s + _LEASE_AFTER_S

        def look(session: Session) -> bool:
            session.connection(execution_options={"read_only": True})
            return outbox.anything_due(session, but_not=but_not, nor_of=nor_of)

        def take(session: Session) -> Parcel | None:
            return outbox.take(session, lease_s, but_not=but_not, nor_of=nor_of)

        return await self._in_one(take) if await self._in_one(look) else None

    async def _deliver(self, parcel: Parcel) -> None:
        timeout_s = self._settings.webhook_timeout_s
        began = time.monotonic()
        heard = await traced(self._tracer, parcel, self._guard, self._allowed, timeout_s)
        answered = replace(heard, lasted_s=time.monotonic() - began)
        retry_s = self._retry_s(parcel.attempt, answered.asked_wait_s)
        how = "delivered" if answered.error is None else answered.error
        log.info("message %s try %d: %s", parcel.id, parcel.attempt, how)
        try:
            await self._in_one(
                lambda session: self._settled(session, parcel, answered, retry_s)
            )
        except SQLAlchemyError as error:
            trouble = database_trouble(error)
            if trouble is None:
                raise
            log.warning("message %s is sent again later: %s", parcel.id, trouble.detail)

    def _settled(
        self, session: Session, parcel: Parcel, answered: Answered, retry_s: float | None
    ) -> None:
        if not outbox.settle(session, parcel, answered, retry_s):
            log.info("message %s is another's, or was deleted", parcel.id)

    def _retry_s(self, attempt: int, asked_wait_s: float) -> float | None:
        """How long to wait behind a failed try, no shorter than asked; None behind the last."""
        waits = self._settings.webhook_retries
        if attempt > len(waits):
            return None
        stretched = waits[attempt - 1] * (1 + random.uniform(0, _STRETCH))  # noqa: S311 - no secret
        return max(stretched, asked_wait_s)

    async def _in_one(self, work: Callable[[Session], Result]) -> Result:
        """What `work` gives, in one transaction."""

        def once() -> Result:
            with self._sessions.begin() as session:
                return work(session)

        return await self._in_thread(once)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)


async def _main(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    opened = sessions(sync_engine(settings.database_url, pool_size=1))
    allowed = settings.outbound_allowed
    traces = tracing(settings, "lathe-deliver")
    async with Guard(allowed, silence_s=settings.webhook_timeout_s) as guard:
        await Courier(opened, guard, settings, traces.tracer).run(stop)
    traces.end()


def main() -> None:
    """Deliver until SIGTERM or Ctrl-C."""
    settings = Settings.from_environment()
    configure(settings)
    preflight(settings)
    asyncio.run(_main(settings))


if __name__ == "__main__":
    main()
