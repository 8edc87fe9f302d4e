"""An upload becomes a row and an inspection job, in one transaction."""

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.intake import Received, received
from app.services import Services, hint_later
from app.store import feed, jobs
from app.store.rows import Dataset, Job, Model
from lathe import ids
from lathe.facts import Transform
from lathe.layout import Layout
from lathe.states import Queue, UploadState


async def model_arrives(
    request: Request, parts: Services, caller: Caller, name: str | None
) -> str:
    """Store the body as a new, pending model and queue its inspection; gives the model's id."""
    async with received(request, parts, "models", parts.settings.max_model_bytes) as upload:
        row = Model(id=ids.new("mdl"), project_id=caller.project_id, name=name)
        job = jobs.inspect(caller.project_id, caller.request_id, model_id=row.id)
        await _register(parts, caller, upload, row, job)
        return row.id


async def dataset_arrives(
    request: Request,
    parts: Services,
    caller: Caller,
    name: str | None,
    transforms: dict[str, Transform],
    layout: Layout,
) -> str:
    """Store the body as a new, pending data set and queue its inspection; gives its id."""
    async with received(request, parts, "datasets", parts.settings.max_dataset_bytes) as upload:
        row = Dataset(
            id=ids.new("dat"),
            project_id=caller.project_id,
            name=name,
            transforms={field: t.model_dump(mode="json") for field, t in transforms.items()},
            layout=layout.model_dump(mode="json", exclude_defaults=True),
        )
        job = jobs.inspect(caller.project_id, caller.request_id, dataset_id=row.id)
        await _register(parts, caller, upload, row, job)
        return row.id


async def inspect_again(
    session: AsyncSession, caller: Caller, row: Model | Dataset, retried: Job
) -> Job:
    """Queue another inspection of an upload that was rejected; the upload is pending again."""
    job = jobs.inspect(
        caller.project_id,
        caller.request_id,
        model_id=retried.model_id,
        dataset_id=retried.dataset_id,
        retry_of=retried.id,
    )
    row.state, row.failure, row.facts = UploadState.PENDING, None, None
    row.inspection_job_id = job.id
    session.add(caller.audit("job.retry", job.id))
    await _queue(session, job)
    return job


async def _register(
    parts: Services, caller: Caller, upload: Received, row: Model | Dataset, job: Job
) -> None:
    async with parts.writing() as session:
        row.upload_blob_id = await upload.blob_id(session, caller.project_id)
        row.inspection_job_id = job.id
        session.add(row)
        await session.flush()  # the job refers to it
        session.add(caller.audit(f"{row.__tablename__.removesuffix('s')}.create", row.id))
        await _queue(session, job)


async def _queue(session: AsyncSession, job: Job) -> None:
    session.add(job)
    await feed.append_async(session, job.id, "queued", {"queue": str(Queue.INTAKE)})
    hint_later(session, job)
