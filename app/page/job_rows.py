"""Jobs as rows of a list: what each does, how it stands, and how it ended, in a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.page import numbers
from app.store.glance import Glance
from app.store.rows.base import utc_now
from lathe.states import JobState


@dataclass(frozen=True)
class JobRow:
    """One line of a list; `fraction` is None unless it runs."""

    id: str
    title: str
    state: str
    steps: tuple[str, ...]
    sentence: str
    fraction: float | None
    created_at: datetime

    @property
    def percent(self) -> int:
        """Of all its steps together."""
        return round(100 * (self.fraction or 0))

    @property
    def unfinished(self) -> bool:
        """Whether the line may still change."""
        return self.fraction is not None or self.state == JobState.QUEUED


def job_row(job: Glance, steps: Sequence[Glance]) -> JobRow:
    """A row of `app.store.glance` as people read it."""
    running = job.state == JobState.RUNNING
    done = sum(step.fraction for step in steps) / len(steps) if steps else 0.0
    return JobRow(
        id=job.id,
        title=job.name or job.model_name or job.id,
        state="cancelling" if running and job.cancel_requested else str(job.state),
        steps=tuple(step.technique for step in steps),
        sentence=_sentence(job),
        fraction=done if running else None,
        created_at=job.created_at,
    )


def _sentence(job: Glance) -> str:
    match job.state:
        case JobState.SUCCEEDED:
            return str((job.verdict or {}).get("sentence", ""))
        case JobState.FAILED:
            return str((job.failure or {}).get("detail", ""))
        case JobState.RUNNING:
            return _doing(job.progress or {}, job.started_at)
        case JobState.QUEUED:
            return str(job.waiting_for or "Waiting for a worker")
        case _:
            return ""


def _doing(progress: dict[str, Any], started_at: datetime | None) -> str:
    said = [str(progress[key]) for key in ("step", "message") if progress.get(key)] or [
        "started"
    ]
    said[0] = said[0][:1].upper() + said[0][1:]
    if started_at is not None:
        said.append(numbers.duration((utc_now() - started_at).total_seconds()))
    return ", ".join(said)
