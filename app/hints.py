"""Hints to the workers: "look at queue Q". The row is the truth, so a hint may be lost."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from celery import Celery
from kombu.exceptions import KombuError
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from app.logs import log

TASK = "lathe.look"
BACK_OFF_S = 5.0  # no hint is tried so long after one that failed; the sweep sends them all
_THREADS = 4
_BROKER_ERRORS = (
    KombuError,
    RedisError,
    SQLAlchemyError,
    OSError,
)  # TimeoutError is an OSError


class Hints(Protocol):
    """Where hints go. A test's fake only remembers them."""

    async def send(self, queue: str) -> bool:
        """Ask the workers of `queue` to look; False when the broker did not take it."""
        ...

    async def trouble(self) -> str | None:
        """Why the broker cannot be reached, or None when it can."""
        ...

    async def close(self) -> None:
        """Let the connections go."""
        ...


class CeleryHints:
    """Celery as a producer only: the task's name is all that is known of the worker.

    A broker that fails costs one request `timeout_s` and the others nothing: after a failure
    no hint is tried for `BACK_OFF_S`. `clock` is a test's.
    """

    def __init__(
        self, broker_url: str, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._again_at = float("-inf")
        self._why: str | None = None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="hints")
        self.celery = Celery("lathe", broker=broker_url, set_as_current=False)
        self.celery.conf.update(
            task_ignore_result=True,
            task_serializer="json",
            broker_connection_timeout=timeout_s,
            broker_transport_options=_transport_options(broker_url, timeout_s),
        )

    async def send(self, queue: str) -> bool:
        """Send one hint from a thread; a broker that fails is logged and left to the sweep."""
        if self._clock() < self._again_at:
            return False
        try:
            await self._within(lambda: self._send(queue))
        except _BROKER_ERRORS as error:
            self._again_at, self._why = self._clock() + BACK_OFF_S, _named(error)
            log("app.hints").warning(
                "hint not sent", queue=queue, why=self._why, silent_s=BACK_OFF_S
            )
            return False
        self._why = None
        return True

    async def trouble(self) -> str | None:
        """Connect and ask once, from a thread; else what the last hint failed of."""
        try:
            await self._within(self._ask)
        except _BROKER_ERRORS as error:
            return f"the broker does not answer ({_named(error)})"
        lately = self._why is not None and self._clock() < self._again_at
        return f"the broker takes no hints ({self._why})" if lately else None

    async def close(self) -> None:
        """Close the pooled connections, if that can be done in time."""
        try:
            await self._within(self.celery.close)
        except _BROKER_ERRORS as error:
            log("app.hints").warning("broker connections not closed", why=_named(error))
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _within(self, call: Callable[[], None]) -> None:
        """Run `call` in a thread; raises TimeoutError when it takes too long, and the thread
        ends by itself a little later."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, call)
        async with asyncio.timeout(self._timeout_s):
            await running

    def _send(self, queue: str) -> None:
        self.celery.send_task(TASK, args=[queue], queue=queue, retry=False, ignore_result=True)

    def _ask(self) -> None:
        with self.celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=0, timeout=self._timeout_s)
            with connection.channel() as channel:
                client = getattr(channel, "client", None)
                if client is not None:  # a server that took the connection may be frozen
                    client.ping()


def _named(error: Exception) -> str:
    """The error's kind alone: its text could show the broker's address."""
    cause = error.__cause__ if isinstance(error, KombuError) and error.__cause__ else error
    return type(cause).__name__


def _transport_options(broker_url: str, timeout_s: float) -> dict[str, Any]:
    """Fail at once instead of retrying for seconds inside the request."""
    once = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    if broker_url.startswith("redis"):
        return {**once, "socket_connect_timeout": timeout_s, "socket_timeout": timeout_s}
    return once
