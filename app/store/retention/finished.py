"""Finished jobs that are old: their files, or all of them."""

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from app.store import erase
from app.store.clock import db_now_plus
from app.store.rows import Artifact, Job

BATCH = 50


def forget_artifacts(session: Session, older_s: float) -> int:
    """Delete files and reports of jobs that ended so long ago."""
    has_files = exists().where(Artifact.job_id == Job.id)
    return erase.erase_artifacts(session, _ended(session, older_s, has_files))


def forget_jobs(session: Session, older_s: float) -> int:
    """Delete jobs that ended so long ago, with all that is theirs."""
    job_ids = _ended(session, older_s)
    if job_ids:
        erase.erase_jobs(session, job_ids)
    return len(job_ids)


def _ended(session: Session, older_s: float, *also: ColumnElement[bool]) -> list[str]:
    """Locked, so that of two sweeps each takes others."""
    return list(
        session.scalars(
            select(Job.id)
            .where(Job.finished_at < db_now_plus(-older_s), *also)
            .order_by(Job.finished_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True, of=Job)
        )
    )
