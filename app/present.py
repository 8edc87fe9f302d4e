"""Rows as the views that people get. Jobs and events are told by `app.follow.prepared`."""

from dataclasses import asdict
from typing import Any

from app.store.quotas.usage import Usage
from app.store.rows import (
    ApiKey,
    Artifact,
    Audit,
    Blob,
    Dataset,
    Delivery,
    MeasurementRow,
    Model,
    Project,
    Upload,
    Webhook,
)
from lathe.errors import Failure
from lathe.facts import DatasetFacts, ModelFacts
from lathe.states import TransferState
from lathe.usage import LimitsView, Month, StoredBytes, UsageView
from lathe.views import (
    ArtifactView,
    AuditView,
    DatasetView,
    DeliveryView,
    KeyView,
    MeasurementView,
    ModelView,
    ProjectView,
    UploadView,
    WebhookView,
)


def model(row: Model, upload: Blob | None) -> ModelView:
    """A model; what inspection finds out is empty until then."""
    facts = ModelFacts.model_validate(row.facts) if row.facts else None
    return ModelView(
        id=row.id,
        name=row.name,
        state=row.state,
        size_bytes=upload.size_bytes if upload else None,
        sha256=upload.sha256 if upload else None,
        source=row.source,
        format=facts.format if facts else None,
        io=facts.io if facts else None,
        stats=facts.stats if facts else None,
        capabilities=facts.capabilities if facts else None,
        findings=list(facts.findings) if facts else [],
        failure=_failure(row.failure),
        inspection_job=row.inspection_job_id,
        created_at=row.created_at,
    )


def dataset(row: Dataset, upload: Blob | None) -> DatasetView:
    """A data set; what inspection finds out is empty until then."""
    facts = DatasetFacts.model_validate(row.facts) if row.facts else None
    return DatasetView(
        id=row.id,
        name=row.name,
        state=row.state,
        size_bytes=upload.size_bytes if upload else None,
        sha256=upload.sha256 if upload else None,
        source=row.source,
        facts=facts.model_copy(update={"summary": None}) if facts else None,
        summary=facts.summary if facts else None,
        findings=list(facts.findings) if facts else [],
        failure=_failure(row.failure),
        inspection_job=row.inspection_job_id,
        created_at=row.created_at,
    )


def upload(row: Upload, offset_bytes: int) -> UploadView:
    """A resumable upload of which so many bytes are kept."""
    return UploadView(
        id=row.id,
        filename=row.filename,
        state=_transfer_state(row, offset_bytes),
        length_bytes=row.length_bytes,
        offset_bytes=offset_bytes,
        sha256=row.found_sha256 or row.sha256,
        used_by=row.used_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def _transfer_state(row: Upload, offset_bytes: int) -> TransferState:
    if row.used_by is not None:
        return TransferState.USED
    if row.damaged:
        return TransferState.DAMAGED
    if row.found_sha256 is not None:
        return TransferState.CHECKED
    whole = offset_bytes == row.length_bytes
    return TransferState.WHOLE if whole else TransferState.RECEIVING


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
        "last_used_at": row.last_used_at,
        "replaced_by": row.replaced_by,
    }


def trace(row: Audit) -> AuditView:
    """One write."""
    return AuditView(
        id=row.id,
        at=row.at,
        action=row.action,
        target=row.target,
        key=row.key_id,
        request_id=row.request_id,
        data=row.data,
    )


def webhook(row: Webhook) -> WebhookView:
    """A webhook without its secret."""
    return WebhookView.model_validate(webhook_fields(row))


def webhook_fields(row: Webhook) -> dict[str, Any]:
    """What may be shown of a webhook."""
    return {
        "id": row.id,
        "name": row.name,
        "url": row.url,
        "events": row.events,
        "created_at": row.created_at,
        "former_secret_until": row.former_secret_until,
        "disabled_at": row.disabled_at,
        "disabled_because": row.disabled_because,
    }


def delivery(row: Delivery) -> DeliveryView:
    """One message and how its last try went."""
    return DeliveryView.model_validate(
        {
            "id": row.id,
            "type": row.type,
            "job": row.job_id,
            "state": row.state,
            "attempts": row.attempts,
            "body": row.body,
            "created_at": row.created_at,
            "next_at": row.next_at if row.state == "pending" else None,
            "last_at": row.last_at,
            "last_status": row.last_status,
            "last_error": row.last_error,
            "last_answer": row.last_answer,
        }
    )


def _failure(stored: dict[str, Any] | None) -> Failure | None:
    return Failure.model_validate(stored) if stored else None


def usage(project_id: str, found: Usage) -> UsageView:
    """What a project uses, as the API says it."""
    return UsageView(
        project=project_id,
        at=found.at,
        stored=StoredBytes(total=found.stored.counted, **asdict(found.stored)),
        jobs=found.jobs,
        running=found.running,
        month=Month(since=found.since, until=found.until, minutes=found.minutes),
        limits=LimitsView(**asdict(found.limits)),
    )
