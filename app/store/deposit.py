"""Make a blob row of an object that was written, once for each content of a project."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.rows import Blob
from app.store.upsert import upsert
from lathe import ids


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in the store that may still lack its row."""

    key: str
    sha256: str
    size_bytes: int


def deposit(session: Session, project_id: str, stored: Stored) -> str:
    """The id of the project's blob with this content.

    Where the project has the content already, the older object is used, a doomed one is
    spared, and the object under `stored.key` belongs to no row: after the commit
    `strangers` names it for deletion.
    """
    statement = (
        upsert(session, Blob)
        .values(
            id=ids.new("blb"),
            project_id=project_id,
            key=stored.key,
            sha256=stored.sha256,
            size_bytes=stored.size_bytes,
        )
        .on_conflict_do_update(
            index_elements=[Blob.project_id, Blob.sha256], set_={"doomed_at": None}
        )
        .returning(Blob.id)
    )
    blob_id: str = session.execute(statement).scalar_one()
    return blob_id


def strangers(session: Session, keys: list[str]) -> list[str]:
    """Those of `keys` that no blob row names; reads only."""
    known = set(session.scalars(select(Blob.key).where(Blob.key.in_(keys))))
    return [key for key in keys if key not in known]
