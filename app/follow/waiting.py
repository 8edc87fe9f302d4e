"""Long polls: answer when it is done, or when the time is up. No transaction is held."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from fastapi import Request
from sqlalchemy import select

from app.services import Services
from app.store.reads import Standing
from app.store.rows import Dataset, Model
from lathe.states import UploadState

_FIRST_S, _LONGEST_S, _GROWTH = 0.05, 0.5, 1.5
_LOOK_UP_S = 2.0  # so often is asked whether anybody still waits for a job


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
    deadline = time.monotonic() + seconds
    while (left_s := deadline - time.monotonic()) > 0:
        if await parts.watch.until(job_id, _has_finished, min(left_s, _LOOK_UP_S)):
            return
        if await request.is_disconnected():
            return


def _has_finished(standing: Standing) -> bool:
    return standing.finished


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
