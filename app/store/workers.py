"""Which workers were seen, and when."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.store.clock import db_now
from app.store.rows import Worker


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker tells about itself; the names are the row's columns."""

    name: str
    queues: list[str]
    device: str
    memory_bytes: float
    facts: dict[str, Any]


def seen(session: Session, worker: WorkerFacts) -> None:
    """Write or refresh the worker's row with the database's present moment."""
    dialects: dict[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    insert = dialects[session.get_bind().dialect.name]
    values = asdict(worker) | {"seen_at": db_now()}
    session.execute(
        insert(Worker)
        .values(**values)
        .on_conflict_do_update(index_elements=[Worker.name], set_=values)
    )
