"""Resumable uploads: what is promised, and where the bytes that came are kept."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base, utc_now
from lathe import ids


class Upload(Base):
    """A file that arrives in pieces.

    Its bytes lie under `stage_key`: in an object folder one file that grows, whose size is
    the offset; in a bucket one object for each `UploadPart`. `key` and `found_sha256` are set
    once all of it is one object that was read through; `held_*` is the lease of the request
    that writes to a bucket.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_project_id_created_at", "project_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("upl")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    length_bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str | None] = mapped_column(String(200))
    sha256: Mapped[str | None] = mapped_column(String(64))  # promised
    tus_metadata: Mapped[str | None] = mapped_column(String(4000))  # as it was sent
    stage_key: Mapped[str] = mapped_column(String(200), unique=True)
    key: Mapped[str | None] = mapped_column(String(200))
    found_sha256: Mapped[str | None] = mapped_column(String(64))
    used_by: Mapped[str | None] = mapped_column(String(40))  # a model's or data set's id
    held_by: Mapped[str | None] = mapped_column(String(40))
    held_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)

    @property
    def damaged(self) -> bool:
        """Whether other bytes came than were promised."""
        return None not in {self.sha256, self.found_sha256} and self.sha256 != self.found_sha256


class UploadPart(Base):
    """One piece of an upload to a bucket; those of an upload follow each other without gaps."""

    __tablename__ = "upload_parts"

    upload_id: Mapped[str] = mapped_column(ForeignKey("uploads.id"), primary_key=True)
    start_bytes: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200), unique=True)
