"""What the hot reads take from the tables. JSON comes as the text that is stored, unparsed.

A column is asked for by the name of a field here, in this order, so that a row becomes its
tuple without a look at names: an attribute of SQLAlchemy's own row costs half a microsecond.
"""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import JSON, ColumnElement, Text, cast

from app.store.rows import Base, Event, Job, Step
from lathe.states import JobKind, JobState, Queue, StepState


class JobColumns(NamedTuple):
    """Of a job: what its view shows, and what its headers need."""

    id: str
    kind: JobKind
    state: JobState
    cancel_requested: bool
    queue: Queue
    priority: int
    attempt: int
    version: int
    waiting_for: str | None
    name: str | None
    labels: str
    spec: str | None
    progress: str | None
    verdict: str | None
    failure: str | None
    retry_of: str | None
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    queued_s: float
    running_s: float


class StepColumns(NamedTuple):
    """Of a step."""

    step_id: str
    technique: str
    state: StepState
    fraction: float
    report: str | None


class EventColumns(NamedTuple):
    """Of an event."""

    seq: int
    type: str
    at: datetime
    data: str


def _columns(table: type[Base], names: tuple[str, ...]) -> tuple[ColumnElement[Any], ...]:
    """The columns of those names; two tables may have the same one."""
    prefix = table.__tablename__
    return tuple(_as_text(getattr(table, name)).label(f"{prefix}_{name}") for name in names)


def _as_text(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """PostgreSQL's driver would parse JSON by itself, whatever type is named here."""
    return cast(column, Text()) if isinstance(column.type, JSON) else column


JOB = _columns(Job, JobColumns._fields)
STEP = _columns(Step, StepColumns._fields)
EVENT = _columns(Event, EventColumns._fields)
