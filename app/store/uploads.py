"""Blobs, models and data sets as statements."""

from collections.abc import Collection

from sqlalchemy import Select, Update, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.clock import db_now
from app.store.doomed import references
from app.store.rows import Blob, Dataset, Model
from lathe.errors import Missing


def models(project_id: str) -> Select[Model, Blob | None]:
    """The project's models, each with the blob that was uploaded or fetched, if it was."""
    return (
        select(Model, Blob)
        .outerjoin(Blob, Blob.id == Model.upload_blob_id)
        .where(Model.project_id == project_id)
    )


def datasets(project_id: str) -> Select[Dataset, Blob | None]:
    """The project's data sets, each with the blob that was uploaded or fetched, if it was."""
    return (
        select(Dataset, Blob)
        .outerjoin(Blob, Blob.id == Dataset.upload_blob_id)
        .where(Dataset.project_id == project_id)
    )


def canonical(project_id: str, model_id: str) -> Select[Blob]:
    """The blob of a ready model's canonical ONNX."""
    return (
        select(Blob)
        .join(Model, Blob.id == Model.canonical_blob_id)
        .where(Model.project_id == project_id, Model.id == model_id)
    )


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
    return (
        update(Blob)
        .where(Blob.id.in_(blob_ids), ~or_(*references()))
        .values(doomed_at=db_now())
        .execution_options(synchronize_session=False)
    )


async def find_model(
    session: AsyncSession, project_id: str, model_id: str, *, hold: bool = False
) -> tuple[Model, Blob | None]:
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
) -> tuple[Dataset, Blob | None]:
    """As `find_model`, for a data set."""
    statement = datasets(project_id).where(Dataset.id == dataset_id)
    found = await session.execute(statement.with_for_update(of=Dataset) if hold else statement)
    row = found.one_or_none()
    if row is None:
        raise Missing("there is no such data set", param="dataset_id")
    return row[0], row[1]
