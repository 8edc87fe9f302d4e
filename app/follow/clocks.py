"""The two clocks of a job: how long it has waited, and how long it has run."""

from datetime import datetime

from app.store.reads import JobColumns
from lathe.states import JobState


def clocks(row: JobColumns, now: datetime) -> tuple[float, float]:
    """Seconds waited and seconds run. The row holds what is over; what goes on is added."""
    queued_s, running_s = row.queued_s, row.running_s
    if row.state == JobState.QUEUED:
        queued_s += _seconds(row.queued_at, now)
    if row.state == JobState.RUNNING and row.started_at is not None:
        running_s += _seconds(row.started_at, now)
    return round(queued_s, 3), round(running_s, 3)


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())  # two clocks may differ a little
