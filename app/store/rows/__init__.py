"""Every table. Importing this module makes `Base.metadata` whole."""

from app.store.rows.base import Base
from app.store.rows.jobs import Event, Job, Served, Step, StepCache, TrainingState
from app.store.rows.quotas import Attempt, Quota
from app.store.rows.results import Artifact, MeasurementRow, Worker
from app.store.rows.tallies import Tally
from app.store.rows.tenants import ApiKey, Audit, IdempotencyKey, PageSession, Project
from app.store.rows.transfers import Upload, UploadPart
from app.store.rows.trust import SigningKey
from app.store.rows.uploads import Blob, Dataset, DeadObject, Model
from app.store.rows.webhooks import Delivery, Webhook

__all__ = [
    "ApiKey",
    "Artifact",
    "Attempt",
    "Audit",
    "Base",
    "Blob",
    "Dataset",
    "DeadObject",
    "Delivery",
    "Event",
    "IdempotencyKey",
    "Job",
    "MeasurementRow",
    "Model",
    "PageSession",
    "Project",
    "Quota",
    "Served",
    "SigningKey",
    "Step",
    "StepCache",
    "Tally",
    "TrainingState",
    "Upload",
    "UploadPart",
    "Webhook",
    "Worker",
]
