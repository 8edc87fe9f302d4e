"""The bytes of a project, as the database knows them.

A blob is counted once, however much refers to it, under the first of the kinds below; one that
is doomed is counted no more. Checkpoints, which make repeating cheap and which the sweep
deletes, are shown and count towards no limit.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.orm import Session

from app.store.clock import db_now
from app.store.rows import Artifact, Blob, Dataset, Model, Upload


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes by kind; `uploads` are announced and not used up yet."""

    models: int = 0
    datasets: int = 0
    artifacts: int = 0
    uploads: int = 0
    checkpoints: int = 0

    @property
    def counted(self) -> int:
        """What the limit is about."""
        return self.models + self.datasets + self.artifacts + self.uploads


def stored(session: Session, project_id: str) -> Stored:
    """Add up the project's bytes."""
    kind = case(
        (_named_by(Model), "models"),
        (_named_by(Dataset), "datasets"),
        (exists().where(Artifact.blob_id == Blob.id), "artifacts"),
        else_="checkpoints",
    )
    blobs = (
        select(kind.label("kind"), Blob.size_bytes)
        .where(Blob.project_id == project_id, Blob.doomed_at.is_(None))
        .subquery()
    )
    sums = select(blobs.c.kind, func.sum(blobs.c.size_bytes)).group_by(blobs.c.kind)
    by_kind = {kind: int(size) for kind, size in session.execute(sums)}
    return Stored(**by_kind, uploads=_uploads(session, project_id))


def unused() -> ColumnElement[bool]:
    """The upload has neither been used up nor turned out damaged, nor expired."""
    damaged = Upload.found_sha256 != Upload.sha256
    return (
        Upload.used_by.is_(None)
        & or_(Upload.sha256.is_(None), Upload.found_sha256.is_(None), ~damaged)
        & (Upload.expires_at > db_now())
    )


def _named_by(table: type[Model | Dataset]) -> ColumnElement[bool]:
    return or_(
        exists().where(table.upload_blob_id == Blob.id),
        exists().where(table.canonical_blob_id == Blob.id),
    )


def _uploads(session: Session, project_id: str) -> int:
    announced = select(func.sum(Upload.length_bytes)).where(
        Upload.project_id == project_id, unused()
    )
    return int(session.scalar(announced) or 0)
