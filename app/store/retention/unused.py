"""Models and data sets that no job has named for a long time."""

from typing import TypeVar

from sqlalchemy import String, cast, exists, or_, select
from sqlalchemy.orm import Session

from app.store import jobs, results, tenants
from app.store.clock import db_now_plus
from app.store.rows import Dataset, Job, Model
from app.store.uploads import doom

BATCH = 20
Uploaded = TypeVar("Uploaded", Model, Dataset)


def forget_models(session: Session, older_s: float) -> int:
    """Delete models made so long ago that no job since has named as model, baseline or
    teacher; what finished jobs made of them stays."""
    rows = _unused(session, Model, older_s)
    for row in rows:
        session.execute(results.forget_measurements(row.project_id, row.id))
        session.execute(jobs.forget_model(row.project_id, row.id))
        _delete(session, row, "model.expire")
    return len(rows)


def forget_datasets(session: Session, older_s: float) -> int:
    """As `forget_models`, for data sets."""
    rows = _unused(session, Dataset, older_s)
    for row in rows:
        session.execute(jobs.forget_dataset(row.project_id, row.id))
        _delete(session, row, "dataset.expire")
    return len(rows)


def _unused(session: Session, table: type[Uploaded], older_s: float) -> list[Uploaded]:
    """Locked first and looked at again then: who submits a job meanwhile has come before, and
    is seen, or comes after, and finds the row gone."""
    before = db_now_plus(-older_s)
    # the text of a spec names whatever the job reads, in whichever field
    named = or_(
        Job.model_id == table.id,
        Job.dataset_id == table.id,
        cast(Job.spec, String).like("%" + table.id + "%"),
    )
    lately = or_(Job.finished_at.is_(None), Job.finished_at >= before)
    used = exists().where(Job.project_id == table.project_id, lately, named)
    old = select(table).where(table.created_at < before, ~used).order_by(table.created_at)
    locked = session.scalars(old.limit(BATCH).with_for_update(skip_locked=True, of=table)).all()
    still = select(table).where(table.id.in_([row.id for row in locked]), ~used)
    return list(session.scalars(still)) if locked else []


def _delete(session: Session, row: Model | Dataset, action: str) -> None:
    blob_ids = [i for i in (row.upload_blob_id, row.canonical_blob_id) if i is not None]
    session.add(tenants.audit(row.project_id, None, action, row.id, None))
    session.delete(row)
    session.flush()
    session.execute(doom(blob_ids))
