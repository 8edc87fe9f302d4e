"""Jobs, their steps, their feed of events, and the cache that makes resuming cheap."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.store.rows.base import Base, utc_now
from lathe import ids
from lathe.states import JobKind, JobState, Queue, StepState


def _partial(name: str, *columns: Any, where: str) -> Index:
    """An index of the few rows that `where` picks, on both databases."""
    condition = text(where)
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


class Job(Base):
    """The truth about a job. The row is also the outbox: a hint to a worker only says "look".

    `attempt` is the fencing token: whoever writes must still hold the attempt it claimed.
    `crashes` counts children that died under a living supervisor, `lapses` expired leases.
    `version` grows with every change and makes the ETag. `not_before` defers a queued job;
    `waiting_for` is the sentence that people read meanwhile (it means nothing once it runs).
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_project_id_created_at", "project_id", "created_at", "id"),
        Index("ix_jobs_project_id_state", "project_id", "state", "created_at", "id"),
        Index("ix_jobs_queue_state", "queue", "state", "priority", "created_at"),
        Index("ix_jobs_state_lease_until", "state", "lease_until"),
        Index("ix_jobs_served", "project_id", "queue", "started_at"),
        Index("ix_jobs_finished_at", "finished_at"),
        _partial(  # of claims before migration 0012; goes with the release after it
            "ix_jobs_queued",
            *("queue", "priority", "project_id", "created_at", "id"),
            where="state = 'queued'",
        ),
        _partial("ix_jobs_running", "queue", "project_id", where="state = 'running'"),
        _partial("ix_jobs_waiting", "queue", where="waiting_for IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("job")
    )
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    kind: Mapped[JobKind] = mapped_column(String(16))
    queue: Mapped[Queue] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(Integer, default=5)
    state: Mapped[JobState] = mapped_column(String(16), default=JobState.QUEUED)
    version: Mapped[int] = mapped_column(Integer, default=1)
    name: Mapped[str | None] = mapped_column(String(200))
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    spec: Mapped[dict[str, Any] | None]  # lathe.job.JobSpec of a compress job
    spec_version: Mapped[int] = mapped_column(Integer, default=1)
    model_id: Mapped[str | None] = mapped_column(ForeignKey("models.id"), index=True)
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"), index=True)
    retry_of: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    request_id: Mapped[str | None] = mapped_column(String(64))
    traceparent: Mapped[str | None] = mapped_column(String(55))  # see `app.store.traces`

    attempt: Mapped[int] = mapped_column(Integer, default=0)
    crashes: Mapped[int] = mapped_column(Integer, default=0)
    lapses: Mapped[int] = mapped_column(Integer, default=0)
    worker: Mapped[str | None] = mapped_column(String(120))
    lease_until: Mapped[datetime | None]
    hinted_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    waiting_for: Mapped[str | None] = mapped_column(String(300))
    cancel_requested: Mapped[bool] = mapped_column(default=False)

    progress: Mapped[dict[str, Any] | None]  # lathe.views.Progress
    failure: Mapped[dict[str, Any] | None]  # lathe.errors.Failure
    verdict: Mapped[dict[str, Any] | None]  # lathe.report.Verdict
    last_seq: Mapped[int] = mapped_column(Integer, default=0)  # of this job's events

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    queued_at: Mapped[datetime] = mapped_column(default=utc_now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    queued_s: Mapped[float] = mapped_column(Float, default=0.0)  # of earlier waits
    running_s: Mapped[float] = mapped_column(Float, default=0.0)  # of earlier runs


_partial(  # the order of `app.store.turns`
    "ix_jobs_turns",
    *(Job.queue, Job.project_id, Job.priority.desc(), Job.created_at, Job.id),
    where="state = 'queued'",
)


class Served(Base):
    """When a project last had a job started in a queue, of its jobs that are deleted."""

    __tablename__ = "served"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    queue: Mapped[Queue] = mapped_column(String(16), primary_key=True)
    at: Mapped[datetime]


class Step(Base):
    """One pipeline step of one job."""

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("job_id", "position"),)

    id: Mapped[str] = mapped_column(
        String(40), primary_key=True, default=lambda: ids.new("stp")
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    position: Mapped[int] = mapped_column(Integer)
    step_id: Mapped[str] = mapped_column(String(64))
    technique: Mapped[str] = mapped_column(String(64))
    state: Mapped[StepState] = mapped_column(String(16), default=StepState.PENDING)
    fraction: Mapped[float] = mapped_column(Float, default=0.0)
    report: Mapped[dict[str, Any] | None]  # lathe.report.StepReport
    checkpoint_blob_id: Mapped[str | None] = mapped_column(ForeignKey("blobs.id"), index=True)


class StepCache(Base):
    """A finished step's checkpoint by the hash of everything that made it. Per project."""

    __tablename__ = "step_cache"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    checkpoint_blob_id: Mapped[str] = mapped_column(ForeignKey("blobs.id"), index=True)
    report: Mapped[dict[str, Any]]  # lathe.report.StepReport of the run that made it
    job_id: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class TrainingState(Base):
    """How far the training of a step has got, under the key that the step will be cached by."""

    __tablename__ = "training_states"

    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    blob_id: Mapped[str] = mapped_column(ForeignKey("blobs.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class Event(Base):
    """Append-only feed of a job; `seq` counts from 1 without gaps."""

    __tablename__ = "events"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    type: Mapped[str] = mapped_column(String(32))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    at: Mapped[datetime] = mapped_column(default=utc_now)
