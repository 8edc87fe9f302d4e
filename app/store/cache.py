"""The step cache: a finished step's checkpoint by the hash of everything that made it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.deposit import Stored, deposit
from app.store.rows import Blob, StepCache
from app.store.upsert import upsert
from lathe.report import StepReport


@dataclass(frozen=True, slots=True)
class CachedStep:
    """A step that some job of the project finished before."""

    checkpoint: Stored
    blob_id: str
    report: StepReport


def find(session: Session, project_id: str, key: str) -> CachedStep | None:
    """What the project's cache holds under `key`; reads only."""
    row = session.execute(
        select(StepCache, Blob)
        .join(Blob, Blob.id == StepCache.checkpoint_blob_id)
        .where(
            StepCache.project_id == project_id, StepCache.key == key, Blob.doomed_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        return None
    cached, blob = row
    return CachedStep(
        checkpoint=Stored(blob.key, blob.sha256, blob.size_bytes),
        blob_id=blob.id,
        report=StepReport.model_validate(cached.report),
    )


def keep(
    session: Session,
    project_id: str,
    job_id: str,
    key: str,
    checkpoint: Stored,
    report: StepReport,
) -> str:
    """Remember a finished step and return its checkpoint's blob id.

    The first writer of a key wins: the same key means the same result.
    """
    blob_id = deposit(session, project_id, checkpoint)
    session.execute(
        upsert(session, StepCache)
        .values(
            project_id=project_id,
            key=key,
            checkpoint_blob_id=blob_id,
            report=report.model_dump(mode="json"),
            job_id=job_id,
        )
        .on_conflict_do_nothing(index_elements=[StepCache.project_id, StepCache.key])
    )
    return blob_id
