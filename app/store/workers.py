"""The workers' own rows: that they are there, what they serve, and that they leave."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.store.clock import db_now, db_now_plus
from app.store.rows import Worker


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker tells about itself; the names are the row's columns."""

    name: str
    queues: list[str]
    device: str
    memory_bytes: float
    slots: int
    release: str
    spec_oldest: int
    spec_newest: int
    facts: dict[str, Any]


def seen(session: Session, worker: WorkerFacts) -> None:
    """Write or refresh the worker's row with the database's present moment."""
    dialects: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    insert = dialects[session.get_bind().dialect.name]
    values = asdict(worker) | {"seen_at": db_now(), "stopped_at": None}
    session.execute(
        insert(Worker)
        .values(**values)
        .on_conflict_do_update(index_elements=[Worker.name], set_=values)
    )


def leave(session: Session, name: str) -> None:
    """The worker takes no more jobs from now on; the row stays, to tell when that was."""
    session.execute(
        update(Worker)
        .where(Worker.name == name)
        .values(seen_at=db_now(), stopped_at=db_now())
        .execution_options(synchronize_session=False)
    )


def forget(session: Session, unseen_for_s: float) -> None:
    """Delete the rows of workers that nobody has seen for so long."""
    session.execute(
        delete(Worker)
        .where(Worker.seen_at < db_now_plus(-unseen_for_s))
        .execution_options(synchronize_session=False)
    )
