"""The columns that the hot reads need. JSON comes as the text that is stored, unparsed."""

from typing import Any

from sqlalchemy import Label, String, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from app.store.rows import Event, Job, Step


def _text(column: InstrumentedAttribute[Any]) -> Label[str]:
    return type_coerce(column, String()).label(column.key)


JOB = (
    Job.id,
    Job.kind,
    Job.state,
    Job.cancel_requested,
    Job.queue,
    Job.priority,
    Job.attempt,
    Job.version,
    Job.waiting_for,
    Job.name,
    _text(Job.labels),
    _text(Job.spec),
    _text(Job.progress),
    _text(Job.verdict),
    _text(Job.failure),
    Job.retry_of,
    Job.created_at,
    Job.queued_at,
    Job.started_at,
    Job.finished_at,
    Job.queued_s,
    Job.running_s,
)
STEP = (
    Step.step_id,
    Step.technique,
    Step.state.label("step_state"),
    Step.fraction,
    _text(Step.report),
)
EVENT = (Event.seq, Event.type, Event.at, _text(Event.data))
