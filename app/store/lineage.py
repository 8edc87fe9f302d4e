"""What a compression was made of, as its manifest names it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from app.store.rows import Blob, Dataset, Job, Model
from lathe.job import JobSpec
from lathe.techniques.lessons import asked_models
from lathe.techniques.train import BASELINE

Role = Literal["model", "baseline", "teacher", "dataset"]


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One input: the file as it was uploaded, and the form that jobs read."""

    role: Role
    id: str
    source: str | None
    sha256: str
    size_bytes: int
    canonical_sha256: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """A job with all its inputs. No field comes from the job's child."""

    job_id: str
    spec: dict[str, Any]
    spec_version: int
    queue: str
    started_at: datetime | None
    ancestors: tuple[Ancestor, ...]


def lineage(session: Session, job_id: str) -> Lineage:
    """Read it while the job is unfinished: nothing that it names can be deleted before."""
    job = session.get_one(Job, job_id)
    spec = JobSpec.model_validate(job.spec)
    teachers = {name for step in spec.pipeline for name in asked_models(step)} - {BASELINE}
    return Lineage(
        job_id=job.id,
        spec=spec.model_dump(mode="json"),
        spec_version=job.spec_version,
        queue=job.queue,
        started_at=job.started_at,
        ancestors=(
            _ancestor(session, "model", spec.model),
            _ancestor(session, "baseline", spec.baseline or spec.model),
            *(_ancestor(session, "teacher", name) for name in sorted(teachers)),
            *(
                _ancestor(session, "dataset", name)
                for name in sorted({split.dataset for _, split in spec.data.splits()})
            ),
        ),
    )


def _ancestor(session: Session, role: Role, row_id: str) -> Ancestor:
    row: Model | Dataset
    if role == "dataset":
        row = session.get_one(Dataset, row_id)
    else:
        row = session.get_one(Model, row_id)
    uploaded = session.get_one(Blob, row.upload_blob_id)
    canonical = session.get_one(Blob, row.canonical_blob_id)
    return Ancestor(
        role=role,
        id=row_id,
        source=row.source,
        sha256=uploaded.sha256,
        size_bytes=uploaded.size_bytes,
        canonical_sha256=canonical.sha256,
    )
