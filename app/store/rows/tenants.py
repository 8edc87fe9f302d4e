"""Projects, their API keys, and what they did."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, synonym

from app.store.rows.base import Base, utc_now
from lathe import ids


class Project(Base):
    """A tenant: everything below belongs to exactly one.

    One that is deleted has no key and no name any more; the sweep takes away what it had, and
    the row at last.
    """

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("prj")
    )
    name: Mapped[str] = mapped_column(String(200), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)


class ApiKey(Base):
    """`lt_<id>_<secret>`: the id finds the row, the row holds the secret's SHA-256.

    `last_used_at` is written at most once an hour; `replaced_by` is the key that a rotation
    put in this one's place.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("key")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    secret_sha256: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    replaced_by: Mapped[str | None] = mapped_column(String(40))


class PageSession(Base):
    """A browser that signed in on the page with a key: what its cookie holds, hashed.

    It may do what the key may, and ends with the key.
    """

    __tablename__ = "page_sessions"

    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class IdempotencyKey(Base):
    """Which job a client's Idempotency-Key made; written in the job's own transaction."""

    __tablename__ = "idempotency_keys"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_sha256: Mapped[str] = mapped_column(String(64))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class Audit(Base):
    """Who changed what: one row for every write through the API, in its transaction.

    Without a key it was the service itself: something was old enough to be deleted.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_project_id_at", "project_id", "at", "id"),)

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("aud")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    key_id: Mapped[str | None] = mapped_column(String(40))
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str | None] = mapped_column(String(40))
    request_id: Mapped[str | None] = mapped_column(String(64))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    created_at: Mapped[datetime] = synonym("at")  # what lists are ordered by
