"""Blobs, models and data sets as statements."""

from collections.abc import Collection

from sqlalchemy import Select, Update, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningUpdate

from app.store.clock import db_now
from app.store.rows import Artifact, Blob, Dataset, Model, Step, StepCache
from lathe.errors import Missing

_REFERENCES: tuple[InstrumentedAttribute[str] | InstrumentedAttribute[str | None], ...] = (
    Model.upload_blob_id,
    Model.canonical_blob_id,
    Dataset.upload_blob_id,
    Dataset.canonical_blob_id,
    Artifact.blob_id,
    Step.checkpoint_blob_id,
    StepCache.checkpoint_blob_id,
)


def models(project_id: str) -> Select[Model, Blob]:
    """The project's models, each with the blob that was uploaded."""
    return (
        select(Model, Blob)
        .join(Blob, Blob.id == Model.upload_blob_id)
        .where(Model.project_id == project_id)
    )


def datasets(project_id: str) -> Select[Dataset, Blob]:
    """The project's data sets, each with the blob that was uploaded."""
    return (
        select(Dataset, Blob)
        .join(Blob, Blob.id == Dataset.upload_blob_id)
        .where(Dataset.project_id == project_id)
    )


def canonical(project_id: str, model_id: str) -> Select[Blob]:
    """The blob of a ready model's canonical ONNX."""
    return (
        select(Blob)
        .join(Model, Blob.id == Model.canonical_blob_id)
        .where(Model.project_id == project_id, Model.id == model_id)
    )


def reused_blob(project_id: str, sha256: str) -> ReturningUpdate[Blob]:
    """The project's blob of this content, saved from deletion if that had begun."""
    statement: Update = update(Blob).where(Blob.project_id == project_id, Blob.sha256 == sha256)
    return statement.values(doomed_at=None).returning(Blob)


def blob_with_key(object_key: str) -> Select[Blob]:
    """The blob whose bytes lie under this key."""
    return select(Blob).where(Blob.key == object_key)


def models_by_id(project_id: str, ids: Collection[str]) -> Select[Model]:
    """Those of these models that the project has."""
    return select(Model).where(Model.project_id == project_id, Model.id.in_(ids))


def datasets_by_id(project_id: str, ids: Collection[str]) -> Select[Dataset]:
    """Those of these data sets that the project has."""
    return select(Dataset).where(Dataset.project_id == project_id, Dataset.id.in_(ids))


def doom(blob_ids: Collection[str]) -> Update:
    """Mark those of these blobs that nothing refers to any more; the sweep deletes them."""
    referenced = [exists().where(column == Blob.id) for column in _REFERENCES]
    return (
        update(Blob)
        .where(Blob.id.in_(blob_ids), *(~found for found in referenced))
        .values(doomed_at=db_now())
        .execution_options(synchronize_session=False)
    )


async def find_model(
    session: AsyncSession, project_id: str, model_id: str, *, hold: bool = False
) -> tuple[Model, Blob]:
    """A model of the project and what was uploaded; raises Missing.

    `hold` keeps others from using it until the transaction ends.
    """
    statement = models(project_id).where(Model.id == model_id)
    found = await session.execute(statement.with_for_update(of=Model) if hold else statement)
    row = found.one_or_none()
    if row is None:
        raise Missing("there is no such model", param="model_id")
    return row[0], row[1]


async def find_dataset(
    session: AsyncSession, project_id: str, dataset_id: str, *, hold: bool = False
) -> tuple[Dataset, Blob]:
    """As `find_model`, for a data set."""
    statement = datasets(project_id).where(Dataset.id == dataset_id)
    found = await session.execute(statement.with_for_update(of=Dataset) if hold else statement)
    row = found.one_or_none()
    if row is None:
        raise Missing("there is no such data set", param="dataset_id")
    return row[0], row[1]
