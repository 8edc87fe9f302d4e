"""Resumable uploads as statements.

An upload that has expired is as good as gone: nothing finds it, and the sweep deletes it.
So deleting one is to let it expire now.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, Update, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app.store.clock import db_now, db_now_plus
from app.store.dead_objects import BATCH, bury
from app.store.deposit import strangers
from app.store.quotas.limits import hold
from app.store.quotas.stored import unused
from app.store.rows import Upload, UploadPart
from lathe.errors import Missing


def uploads(project_id: str) -> Select[Upload]:
    """The project's uploads that have not expired."""
    return select(Upload).where(Upload.project_id == project_id, _alive())


async def find_upload(
    session: AsyncSession, project_id: str, upload_id: str, *, hold: bool = False
) -> Upload:
    """An upload of the project; raises Missing. `hold` keeps others from using it."""
    statement = uploads(project_id).where(Upload.id == upload_id)
    row = await session.scalar(statement.with_for_update(of=Upload) if hold else statement)
    if row is None:
        raise Missing(
            "there is no such upload (any more); begin a new one at POST /v1/uploads",
            param="upload_id",
        )
    return row


async def open_uploads(session: AsyncSession, project_id: str) -> int:
    """How many unused uploads the project has; no other request adds one until the
    transaction ends."""
    await session.run_sync(hold, project_id)
    statement = (
        select(func.count())
        .select_from(Upload)
        .where(Upload.project_id == project_id, unused())
    )
    return await session.scalar(statement) or 0


def put_off(upload_id: str, seconds: float) -> Update:
    """Let the upload expire so much later from now; changes no row when it is gone."""
    return (
        update(Upload)
        .where(Upload.id == upload_id, _alive())
        .values(expires_at=db_now_plus(seconds))
        .execution_options(synchronize_session=False)
    )


def expire(upload_id: str) -> Update:
    """Let the upload be gone; the sweep deletes its row."""
    return (
        update(Upload)
        .where(Upload.id == upload_id)
        .values(expires_at=db_now())
        .execution_options(synchronize_session=False)
    )


def note_check(upload_id: str, key: str, sha256: str) -> ReturningUpdate[str]:
    """The upload was read through; gives its id to the first that says so."""
    return (
        update(Upload)
        .where(Upload.id == upload_id, Upload.key.is_(None), _alive())
        .values(key=key, found_sha256=sha256)
        .returning(Upload.id)
        .execution_options(synchronize_session=False)
    )


def parts_of(upload_id: str) -> Select[UploadPart]:
    """What has come of an upload to a bucket, in order."""
    return (
        select(UploadPart)
        .where(UploadPart.upload_id == upload_id)
        .order_by(UploadPart.start_bytes)
    )


def received_bytes(upload_id: str) -> Select[int]:
    """How much of an upload to a bucket has come."""
    return select(
        func.coalesce(func.max(UploadPart.start_bytes + UploadPart.size_bytes), 0)
    ).where(UploadPart.upload_id == upload_id)


def part_count(upload_id: str) -> Select[int]:
    """In how many pieces it has come."""
    return select(func.count()).select_from(UploadPart).where(UploadPart.upload_id == upload_id)


def take_expired(session: Session) -> int:
    """Delete the rows of up to 100 expired uploads, and bury their bytes without what a blob
    has taken over; returns how many there were."""
    idle = or_(Upload.held_until.is_(None), Upload.held_until < db_now())
    rows = session.scalars(
        select(Upload)
        .where(Upload.expires_at <= db_now(), idle)
        .order_by(Upload.expires_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Upload)
    ).all()
    bury_staged(session, rows)
    ids = [row.id for row in rows]
    session.execute(delete(UploadPart).where(UploadPart.upload_id.in_(ids)))
    session.execute(delete(Upload).where(Upload.id.in_(ids)))
    return len(rows)


def bury_staged(session: Session, rows: Sequence[Upload]) -> None:
    """Bury the bytes of uploads that are about to have no row, without what is a blob's."""
    named = [row.stage_key for row in rows] + [row.key for row in rows if row.key]
    bury(session, strangers(session, named), with_all_below=True)


def _alive() -> ColumnElement[bool]:
    return Upload.expires_at > db_now()
