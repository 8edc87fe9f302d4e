"""What a project uses and what it may, as `GET /v1/usage` says it."""

from datetime import datetime

from pydantic import Field

from lathe.states import JobState, Queue
from lathe.views import View


class StoredBytes(View):
    """Bytes by kind, each content once, under the first kind that names it."""

    total: int = Field(description="Of all but checkpoints: what the limit is about.")
    models: int = Field(description="As they came, and in canonical form.")
    datasets: int = Field(description="As they came, and as jobs read them.")
    artifacts: int
    uploads: int = Field(description="Unfinished ones, in the length that was announced.")
    checkpoints: int = Field(description="Of steps, for repeating; they count for no limit.")


class Month(View):
    """The calendar month (UTC), and how long the project's jobs ran in it."""

    since: datetime
    until: datetime
    minutes: dict[Queue, float] = Field(
        description="By the clock, of every attempt in the queue; running ones up to now."
    )


class LimitsView(View):
    """What the project may use; null is any number."""

    stored_bytes: int | None
    unfinished_jobs: int | None = Field(description="Queued and running, inspections too.")
    running_jobs: int | None = Field(description="Of one queue at once, but for gpu.")
    running_gpu: int | None = Field(description="Of the queue gpu at once.")
    gpu_minutes: int | None = Field(description="Of a calendar month (UTC).")

    def running(self, queue: Queue) -> int | None:
        """How many of the project's jobs may run in the queue at once."""
        return self.running_gpu if queue is Queue.GPU else self.running_jobs


class UsageView(View):
    """What a project uses, and what it may."""

    project: str
    at: datetime
    stored: StoredBytes
    jobs: dict[JobState, int] = Field(description="How many there are, inspections included.")
    running: dict[Queue, int]
    month: Month
    limits: LimitsView
