"""Artifacts and measurements as statements."""

from sqlalchemy import Delete, Select, delete, select

from app.store.rows import Artifact, Blob, MeasurementRow


def artifacts(project_id: str) -> Select[Artifact, Blob]:
    """The project's artifacts, each with its blob."""
    return (
        select(Artifact, Blob)
        .join(Blob, Blob.id == Artifact.blob_id)
        .where(Artifact.project_id == project_id)
    )


def measurements(
    project_id: str, *, model_id: str | None = None, metric: str | None = None
) -> Select[MeasurementRow]:
    """The project's measurements, narrowed where asked."""
    statement = select(MeasurementRow).where(MeasurementRow.project_id == project_id)
    if model_id is not None:
        statement = statement.where(MeasurementRow.model_id == model_id)
    if metric is not None:
        statement = statement.where(MeasurementRow.metric == metric)
    return statement


def forget_measurements(project_id: str, model_id: str) -> Delete:
    """Remove a model's measurements; the reports of its jobs keep the numbers."""
    return delete(MeasurementRow).where(
        MeasurementRow.project_id == project_id, MeasurementRow.model_id == model_id
    )
