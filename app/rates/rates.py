"""The limits of the settings, and the refusal that names them.

A request asks `admits` first, which waits for nobody; only where that says no need it `take`,
which may ask where all processes count. So a poll costs a look into a table, and a project one
question a second as long as it keeps to its limit. Each process may be ahead of the others by
what the limit has for a second.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from limits import RateLimitItem

from app.rates.counts import Counts, Left
from app.rates.fields import policy, rest, whole_s
from app.rates.rate import Kind, rate, said
from app.store.blobs.seen import seen
from lathe.errors import RateLimited

AHEAD_S = 1.0  # a process grants so much of a limit before it asks how much others granted
MAX_ENTRIES = 20_000
_SAID: dict[Kind, str] = {
    "reads": "requests that read are limited to {limit} for a project; wait with ?wait=30 or "
    "follow the events instead of asking often",
    "writes": "requests that write are limited to {limit} for a project; send fewer at once",
    "failures": "requests with a wrong API key are limited to {limit} for an address; send a "
    "key that is valid",
}


@dataclass(slots=True)
class _Allowance:
    """What one may take without asking: `left` of it, `untold` since the last question, which
    said that all processes together have `room`."""

    left: int
    room: int
    untold: int = 0
    refused_until: float = float("-inf")
    again_s: float = 1.0
    asking: asyncio.Task[None] | None = None
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)


class Rates:
    """Of one process. `limits` are written as `600/minute`; none where a kind has none."""

    def __init__(
        self,
        limits: dict[Kind, str],
        counts: Counts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = {kind: rate(text) for kind, text in limits.items() if text}
        self._policies = {kind: policy(kind, item) for kind, item in self._limits.items()}
        self._counts, self._clock = counts, clock
        self._known: OrderedDict[tuple[Kind, str], _Allowance] = OrderedDict()

    def admits(self, kind: Kind, who: str) -> bool:
        """Count a request, if that can be decided now; else `take` decides."""
        if kind not in self._limits:
            return True
        found = self._known.get((kind, who))
        if found is None or found.left <= 0:
            return False
        found.left -= 1
        found.untold += 1
        if found.timer is None:
            loop = asyncio.get_running_loop()
            found.timer = loop.call_later(AHEAD_S, self._tell, kind, who, found)
        return True

    async def take(self, kind: Kind, who: str) -> None:
        """Count a request; raises RateLimited, and then counts nothing."""
        if self.admits(kind, who):
            return
        found = self._allowance(kind, who)
        if found.left <= 0 and self._clock() >= found.refused_until:
            self._ask(kind, who, found)
            if found.asking is not None:
                await asyncio.shield(found.asking)
        if not self.admits(kind, who):
            raise self._refusal(kind, found.again_s)

    def refuse(self, kind: Kind, who: str) -> None:
        """Raise RateLimited where the last question said so; counts nothing, asks nobody."""
        found = self._known.get((kind, who))
        if found is not None and self._clock() < found.refused_until:
            raise self._refusal(kind, found.again_s)

    def fields(self, kind: Kind, who: str) -> list[tuple[bytes, bytes]]:
        """The headers that say what the limit is and what of it is left, as this process knows
        it; none where a kind has no limit."""
        item = self._limits.get(kind)
        if item is None:
            return []
        found = self._known.get((kind, who))
        left, again_s = item.amount, 0.0
        if found is not None:
            left, again_s = max(0, found.room - found.untold), found.again_s
        return [
            (b"ratelimit-policy", self._policies[kind]),
            (b"ratelimit", rest(kind, left, again_s)),
        ]

    async def close(self) -> None:
        """End what is under way; the last second's requests are not told."""
        asked = [each.asking for each in self._known.values() if each.asking is not None]
        for each in self._known.values():
            if each.timer is not None:
                each.timer.cancel()
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        await self._counts.close()

    def _allowance(self, kind: Kind, who: str) -> _Allowance:
        found = self._known.get((kind, who))
        if found is None:
            found = self._known[kind, who] = _Allowance(
                self._ahead(kind), self._limits[kind].amount
            )
        self._known.move_to_end((kind, who))
        while len(self._known) > MAX_ENTRIES:
            _, oldest = self._known.popitem(last=False)
            if oldest.timer is not None:
                oldest.timer.cancel()
        return found

    def _tell(self, kind: Kind, who: str, found: _Allowance) -> None:
        found.timer = None
        self._ask(kind, who, found)

    def _ask(self, kind: Kind, who: str, found: _Allowance) -> None:
        """One question at a time, for all who come meanwhile."""
        if found.asking is None:
            found.asking = asyncio.create_task(
                self._asked(self._limits[kind], kind, who, found)
            )
            found.asking.add_done_callback(seen)

    async def _asked(
        self, item: RateLimitItem, kind: Kind, who: str, found: _Allowance
    ) -> None:
        try:
            told = found.untold
            found.untold = 0
            found.room -= told
            answer: Left = await self._counts.add(item, f"{kind}:{who}", told)
            found.room = answer.requests
            left = answer.requests - found.untold  # some were taken while we asked
            found.left, found.again_s = min(left, self._ahead(kind)), answer.again_s
            if left <= 0:
                found.refused_until = self._clock() + min(AHEAD_S, answer.again_s)
        finally:
            found.asking = None

    def _ahead(self, kind: Kind) -> int:
        """How many requests the limit has for `AHEAD_S`."""
        item = self._limits[kind]
        return min(item.amount, math.ceil(item.amount * AHEAD_S / item.get_expiry()))

    def _refusal(self, kind: Kind, again_s: float) -> RateLimited:
        limit = said(self._limits[kind])
        return RateLimited(_SAID[kind].format(limit=limit), retry_after_s=whole_s(again_s))
