"""A job's feed as server-sent events, until the job has ended."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi.sse import KEEPALIVE_COMMENT
from sqlalchemy.exc import SQLAlchemyError

from app.follow.watch import Reached
from app.services import Services
from app.store.reads import Standing
from app.store.trouble import database_trouble

HEARTBEAT_S = 15.0
OUTAGE_S = 60.0  # a stream outlives a database that is away no longer than this
RETRY_S = (1.0, 5.0)  # a client whose connection was cut comes back after a time between these
_ASK_AGAIN_S = 1.0
Still = Callable[[], Awaitable[object]]  # raises Unauthenticated once a key has ended
_AWAY = b": the database does not answer; the stream goes on when it does\n\n"


async def stream(
    parts: Services, project_id: str, job_id: str, after: int, still: Still
) -> AsyncIterator[bytes]:
    """Every event behind number `after`, then new ones as they come, until the job has ended.

    It begins with the time after which this client is to come back when it is cut off: a
    different one for each, so that a crowd does not come back as one. A silent stream sends a
    comment at least every `HEARTBEAT_S`. Between events nothing is held but a place in
    `parts.watch`. While the database is away the stream says so in comments, and ends without
    a last event after `OUTAGE_S`: the client comes back with Last-Event-ID. Before it says
    anything it asks whether the client may `still` hear it; what that raises cuts it off.
    """
    yield b"retry: %d\n\n" % (1000 * _somewhere(*RETRY_S))
    away_since_s: float | None = None
    while True:
        try:
            async for seq, said in _told(parts, project_id, job_id, after, still):
                after, away_since_s = seq, None
                yield said
        except SQLAlchemyError as error:
            now_s = time.monotonic()
            away_since_s = away_since_s or now_s
            if database_trouble(error) is None or now_s - away_since_s > OUTAGE_S:
                raise
        else:
            return
        yield _AWAY
        await asyncio.sleep(_ASK_AGAIN_S)


async def _told(
    parts: Services, project_id: str, job_id: str, after: int, still: Still
) -> AsyncIterator[tuple[int, bytes]]:
    """What the stream says, each with the number of the last event that was said."""
    while True:
        await still()
        told = await parts.feeds.behind(project_id, job_id, after)
        if told.messages:
            after = told.last
            yield after, told.messages
        if told.more:
            continue
        if told.ended:  # read together with its last event
            return
        # those who came together do not stay together
        pause_s = _somewhere(HEARTBEAT_S / 2, HEARTBEAT_S)
        while not await parts.watch.until(job_id, _behind(after), pause_s):
            await still()
            yield after, KEEPALIVE_COMMENT


async def over(parts: Services, project_id: str, job_id: str, after: int) -> bool:
    """Whether the job has ended with nothing behind number `after`; raises Missing."""
    told = await parts.feeds.behind(project_id, job_id, after)
    return told.ended and not told.messages


def _behind(after: int) -> Reached:
    def reached(standing: Standing) -> bool:
        return standing.finished or standing.last_seq > after

    return reached


def _somewhere(least: float, most: float) -> float:
    return random.uniform(least, most)  # noqa: S311 - a spread, no secret
