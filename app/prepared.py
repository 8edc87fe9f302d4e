"""The answers that clients ask for again and again, as bytes: field by field those of
`lathe.views`, made without building a view.

JSON that was checked when it was written, and never changes, is passed on as it is stored.
"""

import json
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row

from app.clocks import clocks
from app.store.reads import Rows
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


def job(rows: Rows) -> PreparedJob:
    """The answer for one job; `rows` as `app.store.reads.job` has them.

    The ETag of an unfinished job is weak: the version stays while its clocks go on.
    """
    first = rows[0]
    finished = first.state in _FINISHED
    steps = rows if first.step_id is not None else ()
    etag = f'"{first.id}-{first.version}"'
    return PreparedJob(
        body=_bytes(_job(first, steps)),
        etag=etag if finished else f"W/{etag}",
        finished=finished,
    )


def jobs(rows: Rows, steps: dict[str, Rows], next_cursor: str | None) -> bytes:
    """A page of jobs."""
    items = [_job(row, steps[row.id]) for row in rows]
    return _bytes({"items": items, "next_cursor": next_cursor})


def events(rows: Rows, next_cursor: str | None) -> bytes:
    """A page of events; `rows` as `app.store.reads.feed` has them."""
    items = [_event(row) for row in rows if row.seq is not None]
    return _bytes({"items": items, "next_cursor": next_cursor})


def event(row: Row[*tuple[Any, ...]]) -> bytes:
    """One event of a stream."""
    return _bytes(_event(row))


def _job(row: Row[*tuple[Any, ...]], steps: Rows) -> dict[str, Any]:
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
        "steps": [_step(step) for step in steps],
        "verdict": _checked(Verdict, row.verdict),
        "failure": _checked(Failure, row.failure),
        "retry_of": row.retry_of,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
        "queued_s": queued_s,
        "running_s": running_s,
    }


def _step(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    report = StepReport.model_validate_json(row.report) if row.report else None
    return {
        "id": row.step_id,
        "technique": row.technique,
        "state": row.step_state,
        "fraction": row.fraction,
        "facts": report.facts if report else {},
    }


def _event(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
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
