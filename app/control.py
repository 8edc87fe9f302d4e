"""Cancel and retry: what people may do to a job after it was submitted."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.arrival import inspect_again
from app.auth import Caller
from app.store import feed, jobs, uploads
from app.store.rows import Dataset, Job, Model
from app.submit import submit
from lathe.errors import Conflict, Missing
from lathe.job import JobSpec
from lathe.states import JobKind, JobState, UploadState


async def cancel(session: AsyncSession, caller: Caller, job_id: str) -> Job:
    """End a queued job now, ask for the end of a running one; asking twice is fine.

    Raises Missing, and Conflict for a finished job or an inspection.
    """
    row = await jobs.find(session, caller.project_id, job_id)
    if row.kind == JobKind.INSPECT:
        raise Conflict("an inspection is short and cannot be cancelled")
    if await session.scalar(jobs.cancel_queued(caller.project_id, job_id)):
        await session.execute(jobs.skip_steps(job_id))
        await feed.append_async(session, job_id, "cancelled", {})
    elif await session.scalar(jobs.cancel_running(caller.project_id, job_id)):
        await feed.append_async(session, job_id, "cancel_requested", {})
    else:
        await session.refresh(row)
        if JobState(row.state).finished:
            raise Conflict(f"the job has ended as {row.state}; a finished job never changes")
        return row
    session.add(caller.audit("job.cancel", job_id))
    await session.refresh(row)
    return row


async def retry(session: AsyncSession, caller: Caller, job_id: str) -> Job:
    """Queue what a finished job did as a new job that says so in `retry_of`.

    Raises Missing, SpecRefused where the spec does not fit any more, and Conflict for an
    unfinished job or the inspection of an upload that is ready.
    """
    row = await jobs.find(session, caller.project_id, job_id)
    if not JobState(row.state).finished:
        raise Conflict(f"the job is {row.state}; wait for its end, or cancel it first")
    if row.spec is not None:
        spec = JobSpec.model_validate(row.spec)
        return await submit(session, caller, spec, retry_of=row.id)
    upload = await _inspected(session, caller, row)
    if upload.state != UploadState.REJECTED or upload.inspection_job_id != row.id:
        raise Conflict(f"the upload is {upload.state}; only a rejected one is inspected again")
    return await inspect_again(session, caller, upload, row)


async def _inspected(session: AsyncSession, caller: Caller, job: Job) -> Model | Dataset:
    if job.model_id is not None:
        find = uploads.find_model(session, caller.project_id, job.model_id, hold=True)
        return (await find)[0]
    if job.dataset_id is not None:
        find_data = uploads.find_dataset(session, caller.project_id, job.dataset_id, hold=True)
        return (await find_data)[0]
    raise Missing("the upload that this job inspected was deleted")
