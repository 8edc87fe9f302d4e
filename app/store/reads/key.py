"""What authentication asks for."""

from typing import Any

from sqlalchemy import Row, bindparam, select

from app.store.reads.reader import Columns, Reader
from app.store.rows import ApiKey, Project

_KEY: Columns = (
    select(
        ApiKey.id,
        ApiKey.project_id,
        ApiKey.secret_sha256,
        ApiKey.scopes,
        ApiKey.expires_at,
        ApiKey.revoked_at,
    )
    .join(Project, Project.id == ApiKey.project_id)
    .where(ApiKey.id == bindparam("key_id"), Project.deleted_at.is_(None))
)


async def key(reader: Reader, key_id: str) -> Row[*tuple[Any, ...]] | None:
    """The key of that id, whatever its project: authentication begins here. None of a deleted
    project, where a request that had begun may have made one since."""
    rows = await reader.rows(_KEY, {"key_id": key_id})
    return rows[0] if rows else None
