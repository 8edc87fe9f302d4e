"""What a job reads: the models and data sets it names, with where their bytes lie."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.store.deposit import Stored
from app.store.rows import Blob, Dataset, Model
from lathe.errors import NotReady
from lathe.facts import DatasetFacts, ModelFacts, Transform
from lathe.layout import Layout


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded and is still to be inspected; the rest is a data set's."""

    blob: Stored
    transforms: dict[str, Transform] = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)


@dataclass(frozen=True, slots=True)
class ReadyModel:
    """A model that passed its inspection."""

    id: str
    facts: ModelFacts
    canonical: Stored
    uploaded: Stored


@dataclass(frozen=True, slots=True)
class ReadyDataset:
    """A data set that passed its inspection."""

    id: str
    facts: DatasetFacts
    canonical: Stored


def model_upload(session: Session, model_id: str) -> Upload:
    """The file behind a pending model."""
    model = session.get_one(Model, model_id)
    return Upload(_stored(session, model.upload_blob_id))


def dataset_upload(session: Session, dataset_id: str) -> Upload:
    """The file behind a pending data set, and what was declared about it."""
    dataset = session.get_one(Dataset, dataset_id)
    transforms: dict[str, Any] = dataset.transforms
    return Upload(
        _stored(session, dataset.upload_blob_id),
        {name: Transform.model_validate(value) for name, value in transforms.items()},
        Layout.model_validate(dataset.layout or {}),
    )


def ready_model(session: Session, model_id: str) -> ReadyModel:
    """A model that jobs may read; raises NotReady before its inspection succeeded."""
    model = session.get_one(Model, model_id)
    if model.canonical_blob_id is None or model.facts is None:
        raise NotReady(f"{model_id} is {model.state}, not ready", param="model")
    return ReadyModel(
        id=model_id,
        facts=ModelFacts.model_validate(model.facts),
        canonical=_stored(session, model.canonical_blob_id),
        uploaded=_stored(session, model.upload_blob_id),
    )


def ready_dataset(session: Session, dataset_id: str) -> ReadyDataset:
    """A data set that jobs may read; raises NotReady before its inspection succeeded."""
    dataset = session.get_one(Dataset, dataset_id)
    if dataset.canonical_blob_id is None or dataset.facts is None:
        raise NotReady(f"{dataset_id} is {dataset.state}, not ready", param="data")
    return ReadyDataset(
        id=dataset_id,
        facts=DatasetFacts.model_validate(dataset.facts),
        canonical=_stored(session, dataset.canonical_blob_id),
    )


def _stored(session: Session, blob_id: str | None) -> Stored:
    blob = session.execute(select(Blob).where(Blob.id == blob_id)).scalar_one()
    return Stored(blob.key, blob.sha256, blob.size_bytes)
