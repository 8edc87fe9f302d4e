"""How a job ends: its row, its steps, what it made and what it was about, all at once.

The caller holds the job's row (see `app.store.queue.held`) and commits. A finished job never
changes again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.store import feed, outbox, sources
from app.store.clock import db_now
from app.store.deposit import Stored, deposit
from app.store.quotas import minutes
from app.store.rows import Artifact, Dataset, Job, MeasurementRow, Model, Step
from app.store.tallies import count, observe
from app.store.tallies.kinds import JOB_FAILURES, JOB_RUN, JOBS_ENDED
from lathe.errors import Conflict, Failure, told_code
from lathe.events import EventName
from lathe.facts import DatasetFacts, ModelFacts
from lathe.job import JobSpec
from lathe.report import Candidate, Report, Verdict
from lathe.states import JobKind, JobState, StepState, UploadState

_EVENTS: dict[JobState, feed.EventType] = {
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}
_ANNOUNCED: dict[JobState, EventName] = {
    JobState.SUCCEEDED: "job.succeeded",
    JobState.FAILED: "job.failed",
    JobState.CANCELLED: "job.cancelled",
}


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """A file that a job made and that lies in the store."""

    stored: Stored
    kind: str
    name: str
    media_type: str
    candidate: str | None


def close(
    session: Session,
    job: Job,
    state: JobState,
    failure: Failure | None = None,
    verdict: Verdict | None = None,
) -> None:
    """Finish a job whose row is locked, and reject the upload that its inspection was about
    unless it succeeded."""
    now = session.execute(select(db_now())).scalar_one()
    if JobState(job.state) is JobState.RUNNING and job.started_at is not None:
        job.running_s += max(0.0, (now - job.started_at).total_seconds())
        minutes.ends(session, job, now)
    elif JobState(job.state) is JobState.QUEUED:
        job.queued_s += max(0.0, (now - job.queued_at).total_seconds())
    job.state, job.version, job.finished_at = state, job.version + 1, now
    job.lease_until = None
    data = None if failure is None else failure.model_dump(mode="json")
    job.failure = data
    job.verdict = None if verdict is None else verdict.model_dump(mode="json")
    _settle_steps(session, job, state)
    if job.kind == JobKind.INSPECT and state is not JobState.SUCCEEDED:
        _reject(session, job, failure or _inspection_cancelled())
    _tally(session, job, failure)
    feed.append(session, job.id, _EVENTS[state], data or job.verdict or {})
    outbox.announce(session, job, _ANNOUNCED[state])


def _tally(session: Session, job: Job, failure: Failure | None) -> None:
    count(session, JOBS_ENDED, job.kind, job.queue, job.state)
    if failure is not None:
        count(session, JOB_FAILURES, job.kind, job.queue, told_code(failure.code))
    if job.attempt:
        observe(session, JOB_RUN, job.running_s, job.kind, job.queue)


def compressed(
    session: Session, job: Job, report: Report, artifacts: Sequence[NewArtifact]
) -> None:
    """End a compression with its report's verdict, its files and its numbers; one of which a
    step failed has them of the best so far."""
    for made in artifacts:
        session.add(
            Artifact(
                project_id=job.project_id,
                job_id=job.id,
                blob_id=deposit(session, job.project_id, made.stored),
                kind=made.kind,
                name=made.name,
                candidate=made.candidate,
                media_type=made.media_type,
            )
        )
    spec = JobSpec.model_validate(job.spec)  # ours: the report is the child's
    _measurements(session, job, spec.baseline or spec.model, None, report.baseline, report)
    for candidate in report.candidates:
        _measurements(session, job, spec.model, candidate.id, candidate, report)
    state = JobState.SUCCEEDED if report.failure is None else JobState.FAILED
    close(session, job, state, report.failure, report.verdict)


def model_ready(session: Session, job: Job, facts: ModelFacts, canonical: Stored) -> None:
    """End an inspection: the model is ready, in its canonical form."""
    session.execute(
        update(Model)
        .where(Model.id == job.model_id)
        .values(
            state=UploadState.READY,
            facts=facts.model_dump(mode="json"),
            failure=None,
            canonical_blob_id=deposit(session, job.project_id, canonical),
        )
    )
    close(session, job, JobState.SUCCEEDED)


def dataset_ready(session: Session, job: Job, facts: DatasetFacts, canonical: Stored) -> None:
    """End an inspection: the data set is ready, in its memory-mappable form."""
    session.execute(
        update(Dataset)
        .where(Dataset.id == job.dataset_id)
        .values(
            state=UploadState.READY,
            facts=facts.model_dump(mode="json"),
            failure=None,
            canonical_blob_id=deposit(session, job.project_id, canonical),
        )
    )
    close(session, job, JobState.SUCCEEDED)


def _measurements(
    session: Session,
    job: Job,
    model_id: str,
    candidate_id: str | None,
    candidate: Candidate,
    report: Report,
) -> None:
    environment = report.environment.model_dump(mode="json")
    session.add_all(
        MeasurementRow(
            project_id=job.project_id,
            job_id=job.id,
            model_id=model_id,
            role="baseline" if candidate_id is None else "candidate",
            candidate=candidate_id,
            metric=measurement.metric,
            batch_size=measurement.batch_size,
            value=measurement.value,
            data=measurement.model_dump(mode="json"),
            environment=environment,
        )
        for measurement in candidate.measurements
    )


def _settle_steps(session: Session, job: Job, state: JobState) -> None:
    """What was running has failed, what was waiting will not come."""
    if state is JobState.SUCCEEDED:
        return
    for before, after in (
        (StepState.RUNNING, StepState.FAILED),
        (StepState.PENDING, StepState.SKIPPED),
    ):
        session.execute(
            update(Step)
            .where(Step.job_id == job.id, Step.state == before)
            .values(state=after)
            .execution_options(synchronize_session=False)
        )


def _reject(session: Session, job: Job, failure: Failure) -> None:
    sources.forget_signature(session, job)
    table, row_id = (Model, job.model_id) if job.model_id else (Dataset, job.dataset_id)
    session.execute(
        update(table)
        .where(table.id == row_id, table.state == UploadState.PENDING)
        .values(state=UploadState.REJECTED, failure=failure.model_dump(mode="json"))
        .execution_options(synchronize_session=False)
    )


def _inspection_cancelled() -> Failure:
    return Conflict("its inspection was cancelled; upload it again").failure()
