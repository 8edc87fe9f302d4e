"""An upload that came in pieces becomes a blob, once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.intake import check_sha256, drop_unless_held, expected_sha256
from app.services import Services
from app.store.deposit import Stored, deposit
from app.store.rows import Dataset, Model
from app.store.rows.base import utc_now
from app.store.transfers import find_upload
from lathe.errors import Conflict, Malformed, NotReady, TooLarge


@dataclass(frozen=True)
class TakenUp:
    """Bytes that lie complete under `stored.key`, and are the upload's until a blob has
    them."""

    upload_id: str
    filename: str | None
    stored: Stored
    lasted_s: float

    async def blob_id(self, session: AsyncSession, owner: Model | Dataset) -> str:
        """The project's blob of this content; the upload is used up with the transaction."""
        row = await find_upload(session, owner.project_id, self.upload_id, hold=True)
        if row.used_by is not None:
            raise _used_up(row.used_by)
        row.used_by = owner.id
        return await session.run_sync(deposit, owner.project_id, self.stored)


async def made_of(parts: Services, caller: Caller, upload_id: str, prefix: str) -> str | None:
    """What was made of the upload by a request whose answer never arrived; None where nothing
    was. Raises Missing, and Conflict where it is of another kind."""
    async with parts.reading() as session:
        row = await find_upload(session, caller.project_id, upload_id)
    if row.used_by is not None and not row.used_by.startswith(f"{prefix}_"):
        raise _used_up(row.used_by)
    return row.used_by


@asynccontextmanager
async def taken_up(
    request: Request, parts: Services, caller: Caller, upload_id: str, max_bytes: int
) -> AsyncIterator[TakenUp]:
    """A whole upload as an object; unless it is used at the end it stays an upload.

    Raises Missing, Malformed (bytes in the body too, or not those that were promised),
    NotReady (not all of it has come), TooLarge, Unavailable.
    """
    if request.headers.get("content-length", "0") != "0":
        raise Malformed("send either a body or the id of an upload, not both", param="upload")
    expected = expected_sha256(request)
    async with parts.reading() as session:
        row = await find_upload(session, caller.project_id, upload_id)
    if row.length_bytes > max_bytes:
        raise TooLarge(
            f"the upload has {row.length_bytes} bytes, over the limit of {max_bytes}",
            param="upload",
        )
    offset_bytes = await parts.staging.offset(row)
    if offset_bytes != row.length_bytes:
        raise NotReady(
            f"{offset_bytes} of {row.length_bytes} bytes have come; send the rest first",
            param="upload",
        )
    whole = await parts.staging.checked(row)
    check_sha256(expected, whole.sha256)
    await parts.objects.size(whole.key)  # Missing after a restore: staged bytes are not saved
    stored = Stored(whole.key, whole.sha256, row.length_bytes)
    lasted_s = (utc_now() - row.created_at).total_seconds()
    yield TakenUp(row.id, row.filename, stored, max(0.0, lasted_s))
    await drop_unless_held(parts, whole.key)


def _used_up(used_by: str) -> Conflict:
    return Conflict(f"the upload has become {used_by}; upload the file again", param="upload")
