"""Projects, keys and the audit trail as statements."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from app.store.rows import ApiKey, Audit, IdempotencyKey, Project
from lathe import ids
from lathe.errors import Conflict

Scope = Literal["read", "write", "admin"]
EVERY_SCOPE: tuple[Scope, ...] = ("read", "write", "admin")
DEFAULT_PROJECT = "default"
_SECRET_BYTES = 32


def new_key(
    project_id: str, name: str, scopes: Sequence[Scope], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A key's row, and the only copy of its printable form `lt_<id>_<secret>`."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    row = ApiKey(
        id=ids.new("key"),
        project_id=project_id,
        name=name,
        secret_sha256=hash_of(secret),
        scopes=list(scopes),
        expires_at=expires_at,
    )
    return row, f"lt_{row.id.removeprefix('key_')}_{secret}"


def scopes_of(row: ApiKey) -> tuple[Scope, ...]:
    """What a key may do."""
    return tuple(scope for scope in EVERY_SCOPE if scope in row.scopes)


def hash_of(secret: str) -> str:
    """What is stored of a secret: its SHA-256, as it has 256 random bits of its own."""
    return hashlib.sha256(secret.encode()).hexdigest()


def split_key(text: str) -> tuple[str, str] | None:
    """The row's id and the secret of a printable key; None for anything else."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != "lt":  # noqa: PLR2004 - lt, id, secret
        return None
    return f"key_{parts[1]}", parts[2]


def key(key_id: str) -> Select[ApiKey]:
    """The key of that id, whatever its project: authentication begins here."""
    return select(ApiKey).where(ApiKey.id == key_id)


def key_of(project_id: str, key_id: str) -> Select[ApiKey]:
    """The key of that id within the project."""
    return key(key_id).where(ApiKey.project_id == project_id)


def keys(project_id: str) -> Select[ApiKey]:
    """Every key of the project, revoked ones too."""
    return select(ApiKey).where(ApiKey.project_id == project_id)


def projects(project_id: str) -> Select[Project]:
    """The projects that a caller of this project may see: its own."""
    return select(Project).where(Project.id == project_id)


def named(name: str) -> Select[Project]:
    """The project of that name."""
    return select(Project).where(Project.name == name)


async def operates(session: AsyncSession, project_id: str) -> bool:
    """Whether the admins of this project are the operator's own: it is the first one, which
    every installation begins with."""
    return (
        await session.scalar(named(DEFAULT_PROJECT).where(Project.id == project_id)) is not None
    )


async def add_project(session: AsyncSession, name: str) -> Project:
    """Make a project; raises Conflict when the name is taken."""
    project = Project(name=name)
    try:
        async with session.begin_nested():
            session.add(project)
    except IntegrityError:
        detail = "there is a project of this name; choose another"
        raise Conflict(detail, param="name") from None
    return project


def remembered(project_id: str, idempotency_key: str) -> Select[IdempotencyKey]:
    """What an Idempotency-Key made, if it was used."""
    return select(IdempotencyKey).where(
        IdempotencyKey.project_id == project_id, IdempotencyKey.key == idempotency_key
    )


def audit(
    project_id: str,
    key_id: str | None,
    action: str,
    target: str | None,
    request_id: str | None,
    **data: Any,
) -> Audit:
    """The trace that a write leaves; add it to the transaction of that write."""
    return Audit(
        project_id=project_id,
        key_id=key_id,
        action=action,
        target=target,
        request_id=request_id,
        data=data,
    )


def bootstrap(session: Session) -> str | None:
    """Make the default project and its admin key, the first time; then and ever after None.

    Returns the printable key. Commits nothing: that is the caller's. Of two processes that
    start at once one gets the key, and the other None.
    """
    if session.scalar(named(DEFAULT_PROJECT)) is not None:
        return None
    project = Project(name=DEFAULT_PROJECT)
    try:
        with session.begin_nested():
            session.add(project)
    except IntegrityError:  # another process was faster
        return None
    row, printable = new_key(project.id, "bootstrap", EVERY_SCOPE)
    session.add(row)
    return printable
