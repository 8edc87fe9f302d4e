"""Cancel and retry: what people may do to a job after it was submitted."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.arrival import inspect_again
from app.auth import Caller
from app.store import feed, jobs, uploads
from app.store.endings import close
from app.store.quotas.limits import Limits
from app.store.rows import Dataset, Job, Model
from app.submit import submit
from lathe.errors import Conflict, Missing
from lathe.job import JobSpec
from lathe.states import JobState, UploadState


async def cancel(session: AsyncSession, caller: Caller, job_id: str) -> Job:
    """End a queued job now, ask for the end of a running one; asking twice is fine.

    Raises Missing, and Conflict for a finished job.
    """
    row = await jobs.find(session, caller.project_id, job_id, hold=True)
    match row.state:
        case JobState.QUEUED:
            row.cancel_requested = True
            await session.run_sync(close, row, JobState.CANCELLED)
        case JobState.RUNNING:
            if row.cancel_requested:
                return row
            row.cancel_requested, row.version = True, row.version + 1
            await feed.append_async(session, job_id, "cancel_requested", {})
        case _:
            raise Conflict(f"the job has ended as {row.state}; a finished job never changes")
    session.add(caller.audit("job.cancel", job_id))
    await session.flush()
    return row


async def retry(session: AsyncSession, caller: Caller, job_id: str, limits: Limits) -> Job:
    """Queue what a finished job did as a new job that says so in `retry_of`.

    Raises Missing, SpecRefused where the spec does not fit any more, QuotaReached, and Conflict
    for an unfinished job or the inspection of an upload that is ready.
    """
    row = await jobs.find(session, caller.project_id, job_id)
    if not JobState(row.state).finished:
        raise Conflict(f"the job is {row.state}; wait for its end, or cancel it first")
    if row.spec is not None:
        spec = JobSpec.model_validate(row.spec)
        return await submit(session, caller, spec, limits, retry_of=row.id)
    upload = await _inspected(session, caller, row)
    if upload.state != UploadState.REJECTED or upload.inspection_job_id != row.id:
        raise Conflict(f"the upload is {upload.state}; only a rejected one is inspected again")
    if upload.upload_blob_id is None and upload.fetch_url is None:
        raise Conflict(
            "its source was never fetched, and an address with a query is not kept; name the "
            "source again"
        )
    return await inspect_again(session, caller, upload, row, limits)


async def _inspected(session: AsyncSession, caller: Caller, job: Job) -> Model | Dataset:
    if job.model_id is not None:
        find = uploads.find_model(session, caller.project_id, job.model_id, hold=True)
        return (await find)[0]
    if job.dataset_id is not None:
        find_data = uploads.find_dataset(session, caller.project_id, job.dataset_id, hold=True)
        return (await find_data)[0]
    raise Missing("the upload that this job inspected was deleted")
