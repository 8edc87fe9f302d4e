"""Deleting jobs with all that is theirs; the bytes go when nothing else refers to them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Delete, delete, exists, select, update
from sqlalchemy.orm import Session

from app.store.rows import (
    Artifact,
    Event,
    IdempotencyKey,
    Job,
    MeasurementRow,
    Step,
    StepCache,
)
from app.store.rows.base import Base
from app.store.turns import remember
from app.store.uploads import doom


def erase_jobs(session: Session, job_ids: Sequence[str]) -> None:
    """Delete finished jobs, whose rows are locked: their feed, artifacts, reports, numbers, and
    what they put into the step cache, but for steps that another job has gone on from."""
    blob_ids = _artifact_blobs(session, job_ids) | _step_blobs(session, job_ids)
    for row in (Artifact, MeasurementRow, Step, Event, IdempotencyKey):
        session.execute(_of(row, row.job_id.in_(job_ids)))
    elsewhere = exists().where(Step.checkpoint_blob_id == StepCache.checkpoint_blob_id)
    theirs = _of(StepCache, StepCache.job_id.in_(job_ids), ~elsewhere)
    blob_ids |= set(session.scalars(theirs.returning(StepCache.checkpoint_blob_id)))
    session.execute(
        update(Job)
        .where(Job.retry_of.in_(job_ids))
        .values(retry_of=None, version=Job.version + 1)
        .execution_options(synchronize_session=False)
    )
    remember(session, job_ids)
    session.execute(_of(Job, Job.id.in_(job_ids)))
    if blob_ids:
        session.execute(doom(sorted(blob_ids)))


def erase_artifacts(session: Session, job_ids: Sequence[str]) -> int:
    """Delete the files and reports of jobs; their rows, numbers and verdicts stay."""
    blob_ids = _artifact_blobs(session, job_ids)
    session.execute(_of(Artifact, Artifact.job_id.in_(job_ids)))
    if blob_ids:
        session.execute(doom(sorted(blob_ids)))
    return len(job_ids)


def _artifact_blobs(session: Session, job_ids: Sequence[str]) -> set[str]:
    return set(session.scalars(select(Artifact.blob_id).where(Artifact.job_id.in_(job_ids))))


def _step_blobs(session: Session, job_ids: Sequence[str]) -> set[str]:
    of_steps = select(Step.checkpoint_blob_id).where(
        Step.job_id.in_(job_ids), Step.checkpoint_blob_id.is_not(None)
    )
    return {blob_id for blob_id in session.scalars(of_steps) if blob_id is not None}


def _of(row: type[Base], *which: ColumnElement[bool]) -> Delete:
    return delete(row).where(*which).execution_options(synchronize_session=False)
