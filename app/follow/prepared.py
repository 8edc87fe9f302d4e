"""Jobs and events as the bytes of an answer: field by field what `lathe.views` declares, made
without building a view, whoever asks and whatever they have just done to the job.

JSON that was checked when it was written, and never changes, is passed on as it is stored.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.follow.clocks import clocks
from app.store.reads import EventColumns, JobRead, StepColumns
from app.store.rows.base import utc_now
from lathe.errors import Failure
from lathe.report import StepReport, Verdict
from lathe.states import JobState
from lathe.views import Progress

_FINISHED = frozenset(state for state in JobState if state.finished)


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job as JSON, with what the answer's headers need."""

    body: bytes
    etag: str
    finished: bool


def job(read: JobRead) -> PreparedJob:
    """The answer for one job.

    The ETag of an unfinished job is weak: the version stays while its clocks go on.
    """
    row = read.job
    finished = row.state in _FINISHED
    etag = f'"{row.id}-{row.version}"'
    return PreparedJob(_bytes(_job(read)), etag if finished else f"W/{etag}", finished)


def jobs(reads: Sequence[JobRead], next_cursor: str | None) -> bytes:
    """A page of jobs."""
    return _bytes({"items": [_job(read) for read in reads], "next_cursor": next_cursor})


def events(rows: Sequence[EventColumns], next_cursor: str | None) -> bytes:
    """A page of events."""
    return _bytes({"items": [_event(row) for row in rows], "next_cursor": next_cursor})


def event(row: EventColumns) -> bytes:
    """One event of a stream."""
    return _bytes(_event(row))


def _job(read: JobRead) -> dict[str, Any]:
    row = read.job
    queued_s, running_s = clocks(row, utc_now())
    cancelling = row.cancel_requested and row.state not in _FINISHED
    return {
        "id": row.id,
        "kind": row.kind,
        "state": row.state,
        "display_state": "cancelling" if cancelling else row.state,
        "queue": row.queue,
        "priority": row.priority,
        "attempt": row.attempt,
        "waiting_for": row.waiting_for if row.state == JobState.QUEUED else None,
        "name": row.name,
        "labels": _as_stored(row.labels),
        "spec": _as_stored(row.spec) if row.spec else None,
        "progress": _checked(Progress, row.progress),
        "steps": [_step(step) for step in read.steps],
        "verdict": _checked(Verdict, row.verdict),
        "failure": _checked(Failure, row.failure),
        "retry_of": row.retry_of,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "queued_s": queued_s,
        "running_s": running_s,
    }


def _step(row: StepColumns) -> dict[str, Any]:
    report = StepReport.model_validate_json(row.report) if row.report else None
    return {
        "id": row.step_id,
        "technique": row.technique,
        "state": row.state,
        "fraction": row.fraction,
        "facts": report.facts if report else {},
    }


def _event(row: EventColumns) -> dict[str, Any]:
    return {"seq": row.seq, "type": row.type, "at": row.at, "data": _as_stored(row.data)}


def _as_stored(text: str) -> orjson.Fragment:
    """Stored JSON; what SQLite takes and JSON has no word for becomes null."""
    if "NaN" in text or "Infinity" in text:
        return orjson.Fragment(orjson.dumps(json.loads(text)))
    return orjson.Fragment(text)


def _checked(
    view: type[Progress | Verdict | Failure], stored: str | None
) -> orjson.Fragment | None:
    """Stored JSON with what its view has added since it was written."""
    if not stored:
        return None
    return orjson.Fragment(view.model_validate_json(stored).model_dump_json())


def _bytes(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)
