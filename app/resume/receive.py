"""The body of one PATCH, added to what has come before."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.auth import Caller
from app.http.body_limit import LIMIT
from app.resume.place import Receiving
from app.services import Services
from app.store.rows import Upload
from app.store.transfers import find_upload, put_off
from lathe.errors import Conflict, NotReady, TooLarge


async def receive(
    request: Request, parts: Services, caller: Caller, upload_id: str, start: int
) -> tuple[Upload, int]:
    """Add the body from `start` on; gives the upload and its new offset.

    What came is kept however the request ends, and is on the disk (or in the bucket) before
    it is counted. Raises Missing, Locked, Conflict (another start), TooLarge, OutOfDisk,
    Malformed (whole, but not what was promised), ClientDisconnect.
    """
    async with parts.writing() as session:
        row = await find_upload(session, caller.project_id, upload_id)
        await session.execute(put_off(row.id, parts.settings.upload_expires_s))
    if row.key is None:
        async with parts.staging.receiving(row) as receiving:
            _check(request, row, receiving.offset_bytes, start)
            await _take(request, receiving, parts.settings.upload_idle_s)
            offset_bytes = receiving.offset_bytes
    else:
        offset_bytes = row.length_bytes
        _check(request, row, offset_bytes, start)
    row = await _still_there(parts, caller, row)
    if offset_bytes == row.length_bytes:
        await _check_whole(parts, row)
    return row, offset_bytes


def _check(request: Request, row: Upload, offset_bytes: int, start: int) -> None:
    """Nothing is read of a body that does not fit; of one with no announced length, no more
    than fits."""
    if start != offset_bytes:
        raise Conflict(
            f"{offset_bytes} bytes of the upload have come, so the next ones cannot start at "
            f"{start}; ask for the offset with HEAD",
            param="Upload-Offset",
        )
    left = row.length_bytes - offset_bytes
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > left:
        raise TooLarge(f"{left} bytes of the upload are missing; send no more than that")
    setattr(request.state, LIMIT, left)


async def _take(request: Request, receiving: Receiving, idle_s: float) -> None:
    try:
        async for piece in _pieces(request, idle_s):
            await receiving.take(piece)
    finally:
        await receiving.rest()


async def _pieces(request: Request, idle_s: float) -> AsyncIterator[bytes]:
    """The body; a client that is silent for `idle_s` counts as gone, or it would keep others
    out."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_s):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise ClientDisconnect from None
        yield piece


async def _still_there(parts: Services, caller: Caller, row: Upload) -> Upload:
    async with parts.writing() as session:
        await session.execute(put_off(row.id, parts.settings.upload_expires_s))
        return await find_upload(session, caller.project_id, row.id)


async def _check_whole(parts: Services, row: Upload) -> None:
    try:
        await parts.staging.checked(row)
    except NotReady:
        return  # every byte is kept; the check goes on, and its use waits for it
