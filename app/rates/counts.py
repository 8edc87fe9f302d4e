"""Where requests are counted: in the broker's Redis or Valkey, so that all processes of the
service share one count; in the process itself where the broker is another, or is away.

The windows slide: what the last whole minute had weighs as much as of it is still within sixty
seconds.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from app.logs import log

BACK_OFF_S = 5.0  # a broker that failed is not asked for so long
_REDIS = {"redis": "redis", "rediss": "rediss", "redis+socket": "unix"}


@dataclass(frozen=True, slots=True)
class Left:
    """So many more may come now; more of them only in so many seconds."""

    requests: int
    again_s: float


class Counts:
    """Never raises for a broker in trouble: it is logged, and each process counts by itself,
    from nothing, until the broker is back. `clock` is a test's."""

    def __init__(
        self, broker_url: str, timeout_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s, self._clock = timeout_s, clock
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._pool = _pool(broker_url, timeout_s)
        self._shared = None if self._pool is None else _counter(self._pool)
        self._again_at = float("-inf")

    async def add(self, item: RateLimitItem, who: str, requests: int) -> Left:
        """Count `requests` more of `who`, which were taken already, and say what is left."""
        if self._shared is not None and self._clock() >= self._again_at:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await _added(self._shared, item, who, requests)
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                self._again_at = self._clock() + BACK_OFF_S
                log("app.rates").warning(
                    "requests are counted by each process alone",
                    why=type(error).__name__,
                    for_s=BACK_OFF_S,
                )
        return await _added(self._own, item, who, requests)

    async def close(self) -> None:
        """Let the connections go."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._pool.aclose()
        except (RedisError, OSError) as error:
            log("app.rates").warning("connections not closed", why=type(error).__name__)


async def _added(
    counter: SlidingWindowCounterRateLimiter, item: RateLimitItem, who: str, requests: int
) -> Left:
    """What another process has taken meanwhile may leave less room than `requests`; then the
    window is filled up."""
    if requests and not await counter.hit(item, who, cost=requests):
        room = (await counter.get_window_stats(item, who)).remaining
        if room:
            await counter.hit(item, who, cost=room)
    found = await counter.get_window_stats(item, who)
    again_s = found.reset_time - time.time()
    return Left(max(0, found.remaining), again_s if math.isfinite(again_s) else 1.0)


def _pool(broker_url: str, timeout_s: float) -> ConnectionPool | None:
    """Connections to the broker where it is a Redis; it is written as Celery has it."""
    scheme, _, rest = broker_url.partition("://")
    if scheme not in _REDIS:
        return None
    url = f"{_REDIS[scheme]}://{rest.replace('virtual_host=', 'db=')}"
    return ConnectionPool.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
    )


def _counter(pool: ConnectionPool) -> SlidingWindowCounterRateLimiter:
    named = "async+redis://"  # the pool knows where
    given: Any = pool  # it says that options are numbers and texts alone
    storage = RedisStorage(named, implementation="redispy", connection_pool=given)
    return SlidingWindowCounterRateLimiter(storage)
