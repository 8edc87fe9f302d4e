"""Receiving an upload: stream it into the store, check it, keep it once for each project."""

import asyncio
import base64
import binascii
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from app.http.body_limit import LIMIT
from app.logs import log
from app.services import Services
from app.store import uploads
from app.store.blobs.objects import Written, new_key
from app.store.deposit import Stored, deposit
from app.store.quotas.room import Room
from app.store.rows import Dataset, Model
from app.store.trouble import database_trouble, in_one_line
from lathe.errors import Malformed, Unavailable

_TIDY_WITHIN_S = 3.0  # the client waits for its answer meanwhile
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_REPR_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True)
class Received:
    """Bytes that lie complete under `key`."""

    key: str
    written: Written
    lasted_s: float
    filename: str | None = None  # nobody tells one beside a body

    async def blob_id(self, session: AsyncSession, owner: Model | Dataset) -> str:
        """The project's blob of this content: the one that is there already, or a new one."""
        stored = Stored(self.key, self.written.sha256, self.written.size_bytes)
        return await session.run_sync(deposit, owner.project_id, stored)


@asynccontextmanager
async def received(
    request: Request, parts: Services, kind: str, max_bytes: int, left: Room | None
) -> AsyncIterator[Received]:
    """The request's body as an object; unless a blob holds it at the end it is gone. No more
    is read than the project has `left`.

    Raises TooLarge, StorageQuotaReached, Malformed (an empty body, a digest that does not
    fit), OutOfDisk, Unavailable, and ClientDisconnect; the store keeps nothing then.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise Malformed(
            "the file came wrapped in a form; send its bytes alone as the body, as in "
            "curl --data-binary @file"
        )
    expected = expected_sha256(request)
    announced = request.headers.get("content-length", "")
    if left is not None and announced.isdecimal() and int(announced) > left.left:
        raise left.refusal()
    setattr(request.state, LIMIT, max_bytes)
    key = new_key(kind)
    began = time.monotonic()
    written = await parts.objects.write(key, _body(request, left), max_bytes=max_bytes)
    upload = Received(key, written, time.monotonic() - began)
    try:
        check_sha256(expected, written.sha256)
        yield upload
    finally:
        await drop_unless_held(parts, key)


def check_sha256(expected: str | None, found: str) -> None:
    """Raise Malformed where another digest was promised."""
    if expected not in {None, found}:
        raise Malformed(
            f"the bytes that arrived have the sha256 {found}, not {expected}; send them again"
        )


async def drop_unless_held(parts: Services, key: str) -> None:
    """Delete an object that no blob holds.

    Where nobody can be asked or told, it stays: the answer is given already, and a row that
    was committed all the same must keep its bytes.
    """
    try:
        async with asyncio.timeout(_TIDY_WITHIN_S):
            if not await _held(parts, key):
                await parts.objects.adelete(key)
    except TimeoutError:
        log("app.intake").warning("object left behind", key=key, why="no time left")
    except SQLAlchemyError as error:
        if database_trouble(error) is None:
            raise
        log("app.intake").warning("object left behind", key=key, why=in_one_line(error))
    except Unavailable as error:
        log("app.intake").warning("object left behind", key=key, why=error.detail)


async def _held(parts: Services, key: str) -> bool:
    """Whether a committed blob holds the object; it does not when the content was there
    already, or when the transaction failed, if only at its end."""
    async with parts.reading() as session:
        return await session.scalar(uploads.blob_with_key(key)) is not None


async def _body(request: Request, left: Room | None) -> AsyncIterator[bytes]:
    read = 0
    async for chunk in request.stream():
        read += len(chunk)
        if left is not None and read > left.left:
            raise left.refusal()
        if chunk:
            yield chunk
    if not read:
        raise Malformed("the body is empty; send the file's bytes as the body")


def expected_sha256(request: Request) -> str | None:
    """The promised digest: `X-Content-SHA256` in hex, or `Repr-Digest` of RFC 9530."""
    if (in_hex := request.headers.get("x-content-sha256")) is not None:
        if not _SHA256.fullmatch(in_hex):
            raise Malformed("the header takes 64 hex digits", param="X-Content-SHA256")
        return in_hex.lower()
    if (field := request.headers.get("repr-digest")) is not None:
        match = _REPR_DIGEST.search(field)
        try:
            raw = base64.b64decode(match[1], validate=True) if match else b""
        except binascii.Error:
            raw = b""
        if len(raw) != 32:  # noqa: PLR2004 - bytes of a SHA-256
            raise Malformed("the header takes sha-256=:<base64>:", param="Repr-Digest")
        return raw.hex()
    return None
