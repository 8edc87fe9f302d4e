"""A new resumable upload, within the project's quota and the service's limits."""

import re

from app.auth import Caller
from app.services import Services
from app.store.blobs.objects import new_key
from app.store.clock import db_now_plus
from app.store.quotas.room import check_bytes
from app.store.rows import Upload
from app.store.transfers import open_uploads
from lathe.errors import Malformed, QuotaReached, TooLarge
from lathe.names import LONGEST, unfit

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


async def begin(
    parts: Services, caller: Caller, length_bytes: int, pairs: dict[str, str], sent: str | None
) -> Upload:
    """The row of an upload of so many bytes; raises Malformed, TooLarge,
    QuotaReached, StorageQuotaReached.

    `pairs` is what `sent`, the header Upload-Metadata, says; `filename` and `sha256` are
    understood, the rest is only given back.
    """
    _check_length(parts, length_bytes)
    sha256 = pairs.get("sha256")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise Malformed("sha256 in Upload-Metadata takes 64 hex digits", param="sha256")
    filename = pairs.get("filename", "")[:LONGEST]
    if (why := unfit(filename)) is not None:
        raise Malformed(f"filename in Upload-Metadata: {why}", param="filename")
    async with parts.writing() as session:
        most = parts.settings.max_open_uploads
        if await open_uploads(session, caller.project_id) >= most:
            raise QuotaReached(
                f"the project has {most} unfinished uploads already; finish one, or end one "
                "with DELETE (GET /v1/uploads lists them)"
            )
        await session.run_sync(
            check_bytes, caller.project_id, parts.settings.limits, length_bytes
        )
        row = Upload(
            project_id=caller.project_id,
            length_bytes=length_bytes,
            filename=filename or None,
            sha256=sha256.lower() if sha256 else None,
            tus_metadata=sent,
            stage_key=new_key("uploads"),
            expires_at=db_now_plus(parts.settings.upload_expires_s),
        )
        session.add(row)
        await session.flush()
        await session.refresh(row)
        session.add(caller.audit("upload.create", row.id))
    return row


def _check_length(parts: Services, length_bytes: int) -> None:
    if length_bytes == 0:
        raise Malformed("the file is empty; there is nothing to upload", param="Upload-Length")
    most = most_bytes(parts)
    if length_bytes > most:
        raise TooLarge(
            f"the file is over this service's limit of {most} bytes", param="Upload-Length"
        )


def most_bytes(parts: Services) -> int:
    """What an upload may have while nobody knows what it will become."""
    return max(parts.settings.max_model_bytes, parts.settings.max_dataset_bytes)
