"""Jobs, models and data sets as a list shows them: a few columns of many rows, and counts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.pages import cut, keyset
from app.store.rows import Artifact, Blob, Dataset, Job, MeasurementRow, Model, Step
from lathe.states import JobKind, JobState, UploadState

Glance = Row[*tuple[Any, ...]]

_JOB = (
    Job.id,
    Job.name,
    Job.kind,
    Job.state,
    Job.cancel_requested,
    Job.model_id,
    Model.name.label("model_name"),
    Job.verdict,
    Job.failure,
    Job.progress,
    Job.waiting_for,
    Job.created_at,
    Job.queued_at,
    Job.started_at,
    Job.finished_at,
    Job.queued_s,
    Job.running_s,
)


def jobs(project_id: str, states: Sequence[JobState] = ()) -> Select[*tuple[Any, ...]]:
    """The project's compression jobs, in one of `states` where some are given."""
    statement = (
        select(*_JOB)
        .outerjoin(Model, Model.id == Job.model_id)
        .where(Job.project_id == project_id, Job.kind == JobKind.COMPRESS)
    )
    return statement.where(Job.state.in_(states)) if states else statement


def jobs_of_model(project_id: str, model_id: str) -> Select[*tuple[Any, ...]]:
    """The compression jobs of one model."""
    return jobs(project_id).where(Job.model_id == model_id)


async def job_page(
    session: AsyncSession, statement: Select[*tuple[Any, ...]], cursor: str | None, limit: int
) -> tuple[Sequence[Glance], dict[str, list[Glance]], str | None]:
    """The newest of those jobs behind the cursor, their steps in order, the next cursor.

    Raises Malformed for a made-up cursor.
    """
    rows = (await session.execute(keyset(statement, Job, cursor, limit))).all()
    shown, next_cursor = cut(rows, limit)
    steps: dict[str, list[Glance]] = {row.id: [] for row in shown}
    asked = (
        select(Step.job_id, Step.technique, Step.state, Step.fraction)
        .where(Step.job_id.in_(list(steps)))
        .order_by(Step.job_id, Step.position)
    )
    for step in (await session.execute(asked)).all():
        steps[step.job_id].append(step)
    return shown, steps, next_cursor


async def counts(session: AsyncSession, project_id: str) -> dict[str, int]:
    """How many compression jobs the project has in each state."""
    asked = (
        select(Job.state, func.count())
        .where(Job.project_id == project_id, Job.kind == JobKind.COMPRESS)
        .group_by(Job.state)
    )
    return {str(state): number for state, number in (await session.execute(asked)).all()}


def models(project_id: str) -> Select[*tuple[Any, ...]]:
    """The project's models without what inspection found out."""
    columns = (Model.id, Model.name, Model.state, Model.created_at, Blob.size_bytes)
    joined = select(*columns).outerjoin(Blob, Blob.id == Model.upload_blob_id)
    return joined.where(Model.project_id == project_id)


def datasets(project_id: str) -> Select[*tuple[Any, ...]]:
    """The project's data sets without what inspection found out."""
    columns = (Dataset.id, Dataset.name, Dataset.state, Dataset.created_at, Blob.size_bytes)
    joined = select(*columns).outerjoin(Blob, Blob.id == Dataset.upload_blob_id)
    return joined.where(Dataset.project_id == project_id)


async def upload_page(
    session: AsyncSession,
    statement: Select[*tuple[Any, ...]],
    table: type[Model | Dataset],
    cursor: str | None,
    limit: int,
) -> tuple[Sequence[Glance], str | None]:
    """The newest of those uploads behind the cursor, and the next cursor."""
    rows = (await session.execute(keyset(statement, table, cursor, limit))).all()
    return cut(rows, limit)


def models_to_name(project_id: str, limit: int) -> Select[*tuple[Any, ...]]:
    """The newest models that jobs may name."""
    ready = select(Model.id, Model.name).where(
        Model.project_id == project_id, Model.state == UploadState.READY
    )
    return ready.order_by(Model.created_at.desc(), Model.id.desc()).limit(limit)


def datasets_to_name(project_id: str, limit: int) -> Select[*tuple[Any, ...]]:
    """The newest data sets that jobs may name, each with its splits."""
    splits = Dataset.facts["splits"].label("splits")
    ready = select(Dataset.id, Dataset.name, splits).where(
        Dataset.project_id == project_id, Dataset.state == UploadState.READY
    )
    return ready.order_by(Dataset.created_at.desc(), Dataset.id.desc()).limit(limit)


def artifacts(project_id: str, job_id: str) -> Select[Artifact, Blob]:
    """The files of one job, by name."""
    return (
        select(Artifact, Blob)
        .join(Blob, Blob.id == Artifact.blob_id)
        .where(Artifact.project_id == project_id, Artifact.job_id == job_id)
        .order_by(Artifact.name)
    )


def scores(project_id: str, model_id: str, jobs: int) -> Select[*tuple[Any, ...]]:
    """The numbers of the newest so many jobs on one model that have succeeded."""
    newest = (
        select(Job.id)
        .where(
            Job.project_id == project_id,
            Job.model_id == model_id,
            Job.state == JobState.SUCCEEDED,
        )
        .order_by(Job.created_at.desc(), Job.id.desc())
        .limit(jobs)
    )
    return select(
        MeasurementRow.job_id,
        MeasurementRow.role,
        MeasurementRow.candidate,
        MeasurementRow.metric,
        MeasurementRow.batch_size,
        MeasurementRow.data["of"].as_string().label("of"),
        MeasurementRow.value,
    ).where(MeasurementRow.job_id.in_(newest), MeasurementRow.model_id == model_id)
