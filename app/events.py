"""A job's feed as server-sent events, until the job has ended."""

import asyncio
import time
from collections.abc import AsyncIterator

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from app import present
from app.services import Services
from app.store import feed, jobs
from app.store.rows import Event
from lathe.states import JobState

POLL_S = 0.3
HEARTBEAT_S = 15.0
_AT_ONCE = 500


async def stream(parts: Services, job_id: str, after: int) -> AsyncIterator[bytes]:
    """Every event behind number `after`, then new ones as they come, until the job has ended.

    Between polls no transaction is open, so a thousand readers hold no connection.
    """
    spoken = time.monotonic()
    while True:
        rows, finished = await read(parts, job_id, after, _AT_ONCE)
        for row in rows:
            after, spoken = row.seq, time.monotonic()
            data = present.event(row).model_dump_json()
            yield format_sse_event(data_str=data, event=row.type, id=str(row.seq))
        if finished and len(rows) < _AT_ONCE:
            return
        if time.monotonic() - spoken >= HEARTBEAT_S:
            spoken = time.monotonic()
            yield KEEPALIVE_COMMENT
        await asyncio.sleep(POLL_S)


async def read(
    parts: Services, job_id: str, after: int, limit: int
) -> tuple[list[Event], bool]:
    """At most `limit` events, and whether the job had ended, so that no more will come."""
    async with parts.reading() as session:
        state = await session.scalar(jobs.state(job_id))  # first: its event came with it
        rows = list(await session.scalars(feed.after(job_id, after, limit)))
    return rows, state is not None and JobState(state).finished
