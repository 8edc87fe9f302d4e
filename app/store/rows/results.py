"""What a job leaves behind: files and numbers."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base, utc_now
from lathe import ids


class Artifact(Base):
    """A file of a finished job. Its ETag is the blob's sha256."""

    __tablename__ = "artifacts"

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("art")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    blob_id: Mapped[str] = mapped_column(ForeignKey("blobs.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(200))
    candidate: Mapped[str | None] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class MeasurementRow(Base):
    """One number about one file; `data` is the whole `lathe.report.Measurement`."""

    __tablename__ = "measurements"
    __table_args__ = (
        Index("ix_measurements_project_id_metric", "project_id", "metric", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("mea")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    model_id: Mapped[str] = mapped_column(ForeignKey("models.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))  # baseline | candidate
    candidate: Mapped[str | None] = mapped_column(String(64))
    metric: Mapped[str] = mapped_column(String(64))
    batch_size: Mapped[int | None] = mapped_column(Integer)
    value: Mapped[float] = mapped_column(Float)
    data: Mapped[dict[str, Any]]
    environment: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Worker(Base):
    """A worker that was seen: which queues it serves and what it runs on.

    What may be empty was not told by the release that wrote the row.
    A worker that stops takes no job from `stopped_at` on; one that dies is only seen no more.
    """

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    queues: Mapped[list[str]]
    device: Mapped[str] = mapped_column(String(64))
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # sandbox, versions
    slots: Mapped[int | None] = mapped_column(Integer)
    release: Mapped[str | None] = mapped_column(String(40))
    spec_oldest: Mapped[int | None] = mapped_column(Integer)
    spec_newest: Mapped[int | None] = mapped_column(Integer)
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    stopped_at: Mapped[datetime | None]
