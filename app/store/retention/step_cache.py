"""Finished steps that are kept to be used again: how long, and how many bytes of a project."""

from sqlalchemy import ColumnElement, delete, exists, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.store.clock import db_now_plus
from app.store.rows import Blob, Job, Step, StepCache
from app.store.uploads import doom

BATCH = 100


def forget_old(session: Session, older_s: float) -> int:
    """Delete what was cached so long ago."""
    return _forget(session, StepCache.created_at < db_now_plus(-older_s))


def forget_over(session: Session, most_bytes: int) -> int:
    """Delete the oldest of each project that has more than so many bytes in its cache; the
    newest is kept even where it alone is larger."""
    newest_first = (StepCache.created_at.desc(), StepCache.key.desc())
    newer_bytes = func.sum(Blob.size_bytes).over(
        partition_by=StepCache.project_id, order_by=newest_first, rows=(None, 0)
    )
    place = func.row_number().over(partition_by=StepCache.project_id, order_by=newest_first)
    sized = (
        select(
            StepCache.project_id,
            StepCache.key,
            newer_bytes.label("newer_bytes"),
            place.label("place"),
        )
        .join(Blob, Blob.id == StepCache.checkpoint_blob_id)
        .subquery()
    )
    over = select(sized.c.project_id, sized.c.key).where(
        sized.c.newer_bytes > most_bytes, sized.c.place > 1
    )
    return _forget(session, tuple_(StepCache.project_id, StepCache.key).in_(over))


def forget_checkpoints(session: Session) -> int:
    """Let go of the checkpoints of finished jobs' steps that no cache has any more: nothing
    reads them."""
    cached = exists().where(StepCache.checkpoint_blob_id == Step.checkpoint_blob_id)
    found = session.execute(
        select(Step.id, Step.checkpoint_blob_id)
        .join(Job, Job.id == Step.job_id)
        .where(Step.checkpoint_blob_id.is_not(None), Job.finished_at.is_not(None), ~cached)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Step)
    ).all()
    if found:
        session.execute(
            update(Step)
            .where(Step.id.in_([step_id for step_id, _ in found]))
            .values(checkpoint_blob_id=None)
            .execution_options(synchronize_session=False)
        )
        session.execute(doom([blob_id for _, blob_id in found if blob_id is not None]))
    return len(found)


def _forget(session: Session, which: ColumnElement[bool]) -> int:
    found = session.execute(
        select(StepCache.project_id, StepCache.key, StepCache.checkpoint_blob_id)
        .where(which)
        .order_by(StepCache.created_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=StepCache)
    ).all()
    if found:
        keys = [(row.project_id, row.key) for row in found]
        session.execute(
            delete(StepCache)
            .where(tuple_(StepCache.project_id, StepCache.key).in_(keys))
            .execution_options(synchronize_session=False)
        )
        session.execute(doom([row.checkpoint_blob_id for row in found]))
    return len(found)
