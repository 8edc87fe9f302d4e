"""Long polls: answer when it is done, or when the time is up. No transaction is held."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from fastapi import Request
from sqlalchemy import select

from app.services import Services
from app.store import jobs
from app.store.rows import Dataset, Model
from lathe.states import JobState, UploadState

_FIRST_S, _LONGEST_S, _GROWTH = 0.05, 0.5, 1.5


async def inspected(
    request: Request,
    parts: Services,
    table: type[Model | Dataset],
    upload_id: str,
    seconds: int,
) -> None:
    """Return when the upload is ready or rejected, after `seconds`, or when nobody waits."""

    async def decided() -> bool:
        async with parts.reading() as session:
            state = await session.scalar(select(table.state).where(table.id == upload_id))
        return state != UploadState.PENDING

    if seconds:
        await _until(decided, request, seconds)


async def finished(request: Request, parts: Services, job_id: str, seconds: int) -> None:
    """Return when the job has finished, after `seconds`, or when nobody waits."""

    async def ended() -> bool:
        async with parts.reading() as session:
            state = await session.scalar(jobs.state(job_id))
        return state is None or JobState(state).finished

    if seconds:
        await _until(ended, request, seconds)


async def _until(
    reached: Callable[[], Awaitable[bool]], request: Request, seconds: float
) -> None:
    """Ask `reached` ever less often until it says yes, the time is up or the client left."""
    deadline, pause_s = time.monotonic() + seconds, _FIRST_S
    while not await reached():
        left_s = deadline - time.monotonic()
        if left_s <= 0 or await request.is_disconnected():
            return
        await asyncio.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * _GROWTH, _LONGEST_S)
