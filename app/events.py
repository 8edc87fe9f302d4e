"""A job's feed as server-sent events, until the job has ended."""

from collections.abc import AsyncIterator

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from app import prepared
from app.services import Services
from app.store import reads
from app.store.reads import Standing
from app.watch import Reached
from lathe.states import JobState

HEARTBEAT_S = 15.0
_AT_ONCE = 500


async def stream(
    parts: Services, project_id: str, job_id: str, after: int
) -> AsyncIterator[bytes]:
    """Every event behind number `after`, then new ones as they come, until the job has ended.

    A silent stream sends a comment every `HEARTBEAT_S`. Between events nothing is held but
    a place in `parts.watch`.
    """
    while True:
        rows = await reads.feed(parts.reads, project_id, job_id, after, _AT_ONCE)
        told = [row for row in rows if row.seq is not None]
        for row in told:
            data = prepared.event(row).decode()
            yield format_sse_event(data_str=data, event=row.type, id=str(row.seq))
        if told:
            after = told[-1].seq
        if len(told) == _AT_ONCE:
            continue
        if JobState(rows[0].state).finished:  # read together with its last event
            return
        while not await parts.watch.until(job_id, _behind(after), HEARTBEAT_S):
            yield KEEPALIVE_COMMENT


async def over(parts: Services, project_id: str, job_id: str, after: int) -> bool:
    """Whether the job has ended with nothing behind number `after`; raises Missing."""
    rows = await reads.feed(parts.reads, project_id, job_id, after, 1)
    return rows[0].seq is None and JobState(rows[0].state).finished


def _behind(after: int) -> Reached:
    def reached(standing: Standing) -> bool:
        return standing.finished or standing.last_seq > after

    return reached
