"""How far a step's training has got: the newest state that a worker stored of it.

It lies under the key that the step's result will be cached by, so whoever comes to the same
step, another attempt or another job of the project, goes on from it. When the step is done it
is dropped.
"""

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from app.store.clock import db_now, db_now_plus
from app.store.deposit import Stored, deposit
from app.store.rows import Blob, TrainingState
from app.store.uploads import doom
from app.store.upsert import upsert


def find(session: Session, project_id: str, key: str) -> Stored | None:
    """The state under `key`; reads only."""
    blob = session.execute(
        select(Blob)
        .join(TrainingState, TrainingState.blob_id == Blob.id)
        .where(TrainingState.project_id == project_id, TrainingState.key == key)
    ).scalar_one_or_none()
    return None if blob is None else Stored(blob.key, blob.sha256, blob.size_bytes)


def keep(session: Session, project_id: str, key: str, state: Stored) -> None:
    """Put `state` in the place of an older one, which is doomed."""
    older = session.execute(
        select(TrainingState.blob_id).where(
            TrainingState.project_id == project_id, TrainingState.key == key
        )
    ).scalar_one_or_none()
    blob_id = deposit(session, project_id, state)
    session.execute(
        upsert(session, TrainingState)
        .values(project_id=project_id, key=key, blob_id=blob_id, at=db_now())
        .on_conflict_do_update(
            index_elements=[TrainingState.project_id, TrainingState.key],
            set_={"blob_id": blob_id, "at": db_now()},
        )
    )
    if older is not None and older != blob_id:
        session.execute(doom([older]))


def drop(session: Session, project_id: str, key: str) -> None:
    """The step is done; its state is doomed."""
    _delete(session, TrainingState.project_id == project_id, TrainingState.key == key)


def forget(session: Session, older_than_s: float) -> None:
    """Doom states of steps that nobody has gone on with for so long."""
    _delete(session, TrainingState.at < db_now_plus(-older_than_s))


def _delete(session: Session, *which: ColumnElement[bool]) -> None:
    blob_ids = session.scalars(
        delete(TrainingState)
        .where(*which)
        .returning(TrainingState.blob_id)
        .execution_options(synchronize_session=False)
    ).all()
    if blob_ids:
        session.execute(doom(blob_ids))
