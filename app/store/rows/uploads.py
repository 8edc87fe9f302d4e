"""Stored bytes, and the models and data sets made of them.

What comes by reference has no bytes at first: `upload_blob_id` is empty until a worker has
fetched them from `fetch_url` (see `app.store.sources`). `source` is what people see of it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base, utc_now
from lathe import ids
from lathe.states import UploadState


class Blob(Base):
    """One immutable object of the store. `key` is random; the hash is only a column, and is
    unique within its project, so no tenant learns what another has."""

    __tablename__ = "blobs"
    __table_args__ = (Index("uq_blobs_project_id_sha256", "project_id", "sha256", unique=True),)

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("blb")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    key: Mapped[str] = mapped_column(String(200), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    doomed_at: Mapped[datetime | None] = mapped_column(index=True)  # deletion's first phase


class DeadObject(Base):
    """An object of the store that no row names any more, until the store has deleted it, too.

    Written in the transaction that takes the last row away, so that neither a killed process
    nor a store that is away leaves bytes behind that nobody knows of. `with_all_below` is for
    the pieces of an upload to a bucket.
    """

    __tablename__ = "dead_objects"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    with_all_below: Mapped[bool] = mapped_column(default=False)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class Model(Base):
    """An uploaded or produced network; `facts` is `lathe.facts.ModelFacts` once ready."""

    __tablename__ = "models"
    __table_args__ = (
        Index("ix_models_project_id_created_at", "project_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("mdl")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[UploadState] = mapped_column(String(16), default=UploadState.PENDING)
    upload_blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    canonical_blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    facts: Mapped[dict[str, Any] | None]
    failure: Mapped[dict[str, Any] | None]
    inspection_job_id: Mapped[str | None] = mapped_column(String(40))
    source: Mapped[str | None] = mapped_column(Text)
    fetch_url: Mapped[str | None] = mapped_column(Text)
    fetch_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Dataset(Base):
    """Uploaded data; `facts` is `lathe.facts.DatasetFacts` once ready, `layout` what the
    uploader said of the file (`lathe.layout.Layout`).

    `canonical_blob_id` is the memory-mappable safetensors file that jobs read.
    """

    __tablename__ = "datasets"
    __table_args__ = (
        Index("ix_datasets_project_id_created_at", "project_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("dat")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[UploadState] = mapped_column(String(16), default=UploadState.PENDING)
    upload_blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    canonical_blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)
    transforms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    layout: Mapped[dict[str, Any] | None]
    facts: Mapped[dict[str, Any] | None]
    failure: Mapped[dict[str, Any] | None]
    inspection_job_id: Mapped[str | None] = mapped_column(String(40))
    source: Mapped[str | None] = mapped_column(Text)
    fetch_url: Mapped[str | None] = mapped_column(Text)
    fetch_sha256: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
