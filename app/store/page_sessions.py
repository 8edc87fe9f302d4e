"""Who is signed in on the page, as statements. The cookie's text itself is never stored."""

from datetime import datetime
from typing import Any

from sqlalchemy import Delete, Row, bindparam, delete, select

from app.store.reads.reader import Columns, Reader
from app.store.rows import ApiKey, PageSession, Project
from app.store.tenants import hash_of

_HELD: Columns = (
    select(
        ApiKey.id,
        ApiKey.project_id,
        ApiKey.scopes,
        ApiKey.expires_at,
        ApiKey.revoked_at,
        PageSession.expires_at.label("session_expires_at"),
        Project.name.label("project_name"),
    )
    .join(PageSession, PageSession.key_id == ApiKey.id)
    .join(Project, Project.id == ApiKey.project_id)
    .where(PageSession.token_sha256 == bindparam("token_sha256"), Project.deleted_at.is_(None))
)


async def held(reader: Reader, token: str) -> Row[*tuple[Any, ...]] | None:
    """The session of this cookie with its key as it is now, if there is one."""
    rows = await reader.rows(_HELD, {"token_sha256": hash_of(token)})
    return rows[0] if rows else None


def begun(token: str, key_id: str, expires_at: datetime) -> PageSession:
    """A new session's row."""
    return PageSession(token_sha256=hash_of(token), key_id=key_id, expires_at=expires_at)


def end(token: str) -> Delete:
    """End the session of this cookie."""
    return delete(PageSession).where(PageSession.token_sha256 == hash_of(token))


def end_expired(now: datetime) -> Delete:
    """Forget every session that is over."""
    return delete(PageSession).where(PageSession.expires_at <= now)
