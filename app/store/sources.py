"""Uploads by reference: a model or data set whose bytes a worker still has to fetch.

`fetch_url` is where from. It may hold a signature, so it goes as soon as it is not needed:
when the bytes are there, and when the fetch has failed and the address has a query.
"""

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.store.deposit import Stored, deposit
from app.store.rows import Dataset, Job, Model


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched; `sha256` is what it must have, where that was promised."""

    url: str
    sha256: str | None
    kind: str  # of the object: models, datasets


def wanted(session: Session, model_id: str | None, dataset_id: str | None) -> Wanted | None:
    """What the inspection of this upload must fetch first; None when the bytes are there."""
    row = _row(session, model_id, dataset_id)
    if row is None or row.upload_blob_id is not None or row.fetch_url is None:
        return None
    return Wanted(row.fetch_url, row.fetch_sha256, row.__tablename__)


def fetched(session: Session, job: Job, stored: Stored) -> None:
    """The bytes are there; the address is forgotten. The caller holds the job's row."""
    row = _row(session, job.model_id, job.dataset_id)
    if row is not None:
        row.upload_blob_id = deposit(session, job.project_id, stored)
        row.fetch_url = row.fetch_sha256 = None


def forget_signature(session: Session, job: Job) -> None:
    """The fetch has failed: an address that may hold a signature is not kept for a retry."""
    table, row_id = (Model, job.model_id) if job.model_id else (Dataset, job.dataset_id)
    session.execute(
        update(table)
        .where(table.id == row_id, table.fetch_url.contains("?"))
        .values(fetch_url=None)
        .execution_options(synchronize_session=False)
    )


def _row(
    session: Session, model_id: str | None, dataset_id: str | None
) -> Model | Dataset | None:
    if model_id is not None:
        return session.get(Model, model_id)
    return None if dataset_id is None else session.get(Dataset, dataset_id)
