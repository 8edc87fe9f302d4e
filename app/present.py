"""Rows as the views that people get."""

from collections.abc import Iterable
from typing import Any

from app.follow.clocks import clocks
from app.store.rows import (
    ApiKey,
    Artifact,
    Blob,
    Dataset,
    Event,
    Job,
    MeasurementRow,
    Model,
    Project,
    Step,
)
from app.store.rows.base import utc_now
from lathe.errors import Failure
from lathe.facts import DatasetFacts, ModelFacts
from lathe.job import JobSpec
from lathe.report import StepReport, Verdict
from lathe.states import JobState
from lathe.views import (
    ArtifactView,
    DatasetView,
    EventView,
    JobView,
    KeyView,
    MeasurementView,
    ModelView,
    Progress,
    ProjectView,
    StepView,
)


def model(row: Model, upload: Blob) -> ModelView:
    """A model; what inspection finds out is empty until then."""
    facts = ModelFacts.model_validate(row.facts) if row.facts else None
    return ModelView(
        id=row.id,
        name=row.name,
        state=row.state,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        format=facts.format if facts else None,
        io=facts.io if facts else None,
        stats=facts.stats if facts else None,
        capabilities=facts.capabilities if facts else None,
        findings=list(facts.findings) if facts else [],
        failure=_failure(row.failure),
        inspection_job=row.inspection_job_id,
        created_at=row.created_at,
    )


def dataset(row: Dataset, upload: Blob) -> DatasetView:
    """A data set; what inspection finds out is empty until then."""
    facts = DatasetFacts.model_validate(row.facts) if row.facts else None
    return DatasetView(
        id=row.id,
        name=row.name,
        state=row.state,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        facts=facts,
        findings=list(facts.findings) if facts else [],
        failure=_failure(row.failure),
        inspection_job=row.inspection_job_id,
        created_at=row.created_at,
    )


def job(row: Job, steps: Iterable[Step]) -> JobView:
    """A job as it stands at this moment."""
    finished = JobState(row.state).finished
    queued_s, running_s = clocks(row, utc_now())
    return JobView(
        id=row.id,
        kind=row.kind,
        state=row.state,
        display_state="cancelling" if row.cancel_requested and not finished else row.state,
        queue=row.queue,
        priority=row.priority,
        attempt=row.attempt,
        waiting_for=row.waiting_for if row.state == JobState.QUEUED else None,
        name=row.name,
        labels=row.labels,
        spec=JobSpec.model_validate(row.spec) if row.spec else None,
        progress=Progress.model_validate(row.progress) if row.progress else None,
        steps=[_step(step) for step in steps],
        verdict=Verdict.model_validate(row.verdict) if row.verdict else None,
        failure=_failure(row.failure),
        retry_of=row.retry_of,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        queued_s=queued_s,
        running_s=running_s,
    )


def event(row: Event) -> EventView:
    """One entry of a feed."""
    return EventView(seq=row.seq, type=row.type, at=row.at, data=row.data)


def artifact(row: Artifact, blob: Blob) -> ArtifactView:
    """A file that a job made."""
    return ArtifactView.model_validate(
        {
            "id": row.id,
            "job": row.job_id,
            "kind": row.kind,
            "name": row.name,
            "candidate": row.candidate,
            "size_bytes": blob.size_bytes,
            "sha256": blob.sha256,
            "media_type": row.media_type,
            "created_at": row.created_at,
        }
    )


def measurement(row: MeasurementRow) -> MeasurementView:
    """One stored number."""
    return MeasurementView.model_validate(
        {
            "job": row.job_id,
            "model": row.model_id,
            "role": row.role,
            "candidate": row.candidate,
            "measurement": row.data,
            "environment": row.environment,
            "created_at": row.created_at,
        }
    )


def project(row: Project) -> ProjectView:
    """A tenant."""
    return ProjectView(id=row.id, name=row.name, created_at=row.created_at)


def key(row: ApiKey) -> KeyView:
    """A key without its secret."""
    return KeyView.model_validate(key_fields(row))


def key_fields(row: ApiKey) -> dict[str, Any]:
    """What may be shown of a key."""
    return {
        "id": row.id,
        "project": row.project_id,
        "name": row.name,
        "scopes": row.scopes,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }


def _step(row: Step) -> StepView:
    report = StepReport.model_validate(row.report) if row.report else None
    return StepView(
        id=row.step_id,
        technique=row.technique,
        state=row.state,
        fraction=row.fraction,
        facts=dict(report.facts) if report else {},
    )


def _failure(stored: dict[str, Any] | None) -> Failure | None:
    return Failure.model_validate(stored) if stored else None
