"""Hints to the workers: "look at queue Q". The row is the truth, so a hint may be lost."""

import asyncio
from typing import Any, Protocol

from celery import Celery
from kombu.exceptions import OperationalError

from app.logs import log

TASK = "lathe.look"


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
    """Celery as a producer only: the task's name is all that is known of the worker."""

    def __init__(self, broker_url: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.celery = Celery("lathe", broker=broker_url, set_as_current=False)
        self.celery.conf.update(
            task_ignore_result=True,
            task_serializer="json",
            broker_connection_timeout=timeout_s,
            broker_transport_options=_transport_options(broker_url, timeout_s),
        )

    async def send(self, queue: str) -> bool:
        """Send one hint from a thread; a broker that fails is logged and left to the sweep."""
        try:
            await asyncio.to_thread(self._send, queue)
        except (OperationalError, OSError) as error:
            log("app.hints").warning("hint not sent", queue=queue, why=type(error).__name__)
            return False
        return True

    async def trouble(self) -> str | None:
        """Connect once, from a thread."""
        try:
            await asyncio.to_thread(self._connect)
        except (OperationalError, OSError) as error:
            return f"the broker does not answer ({type(error).__name__})"
        return None

    async def close(self) -> None:
        """Close the pooled connections."""
        await asyncio.to_thread(self.celery.close)

    def _send(self, queue: str) -> None:
        self.celery.send_task(TASK, args=[queue], queue=queue, retry=False, ignore_result=True)

    def _connect(self) -> None:
        with self.celery.connection_for_write() as connection:
            connection.ensure_connection(max_retries=0, timeout=self._timeout_s)


def _transport_options(broker_url: str, timeout_s: float) -> dict[str, Any]:
    """Fail at once instead of retrying for seconds inside the request."""
    once = {"max_retries": 0, "interval_start": 0, "interval_step": 0, "interval_max": 0}
    if broker_url.startswith("redis"):
        return {**once, "socket_connect_timeout": timeout_s, "socket_timeout": timeout_s}
    return once
