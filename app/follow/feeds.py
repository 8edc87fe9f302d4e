"""The feeds of jobs as messages of server-sent events, read once for all who follow a job.

When a job has moved, everybody who follows it asks for the same events at the same time. The
first one's read is shared with the others: it lives until the next poll of `Watch`, so that who
was woken by a poll never sees less than the poll saw, and no longer than `POLL_S`.
"""

import asyncio
import time
from dataclasses import dataclass

from fastapi.sse import format_sse_event

from app.follow import prepared, watch
from app.follow.watch import Watch
from app.store import reads
from app.store.reads import Reader

AT_ONCE = 100  # events of one read, which a client that does not read makes us hold
MAX_BYTES = 8 << 20  # of what is shared

_Key = tuple[str, str, int]  # project, job, number of the last event that was seen


@dataclass(frozen=True, slots=True)
class Told:
    """Some events as the bytes of a stream. `last` is the number of the last one; `more` says
    that there may be others behind it, `ended` that the job had ended when they were read."""

    messages: bytes
    last: int
    more: bool
    ended: bool


class Feeds:
    """What was read of feeds a moment ago."""

    def __init__(self, reader: Reader, watching: Watch) -> None:
        self._reader, self._watch = reader, watching
        self._shared: dict[_Key, asyncio.Task[Told]] = {}
        self._since_s = 0.0
        self._bytes = 0

    async def behind(self, project_id: str, job_id: str, after: int) -> Told:
        """At most `AT_ONCE` events behind number `after`; raises Missing, and what the
        database raises."""
        self._forget_old()
        key = project_id, job_id, after
        reading = self._shared.get(key)
        if reading is None:
            reading = self._shared[key] = asyncio.create_task(self._read(*key))
            reading.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(reading)

    async def _read(self, project_id: str, job_id: str, after: int) -> Told:
        found = await reads.feed(self._reader, project_id, job_id, after, AT_ONCE)
        messages = b"".join(
            format_sse_event(
                data_str=prepared.event(row).decode(), event=row.type, id=str(row.seq)
            )
            for row in found.events
        )
        more = len(found.events) == AT_ONCE
        last = found.events[-1].seq if found.events else after
        return Told(messages, last, more, found.ended)

    def _settle(self, key: _Key, done: asyncio.Task[Told]) -> None:
        """Keep what is bounded; a failure is for those alone who waited for it."""
        failed = done.cancelled() or done.exception() is not None
        if not failed:
            self._bytes += len(done.result().messages)
        if failed or self._bytes > MAX_BYTES:
            self._shared.pop(key, None)

    def _forget_old(self) -> None:
        now_s = time.monotonic()
        if self._since_s < max(self._watch.polled_s, now_s - watch.POLL_S):
            self._shared, self._since_s, self._bytes = {}, now_s, 0
