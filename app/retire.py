"""Deleting uploads and jobs: refused while work needs them; their bytes go when nothing refers
to them."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.auth import Caller
from app.fit.known import named_datasets, named_models
from app.store import jobs, results, uploads
from app.store.erase import erase_jobs
from app.store.rows import Dataset, Job, Model
from lathe.errors import Conflict
from lathe.job import JobSpec
from lathe.states import JobState


async def retire_model(session: AsyncSession, caller: Caller, row: Model) -> None:
    """Delete a model and its measurements; finished jobs, reports and artifacts stay.

    Raises Conflict while an unfinished job names it as model, baseline or teacher.
    """
    await _refuse_if_used(session, caller.project_id, row.id)
    await session.execute(results.forget_measurements(caller.project_id, row.id))
    await session.execute(jobs.forget_model(caller.project_id, row.id))
    await _delete(session, caller, "model.delete", row)


async def retire_dataset(session: AsyncSession, caller: Caller, row: Dataset) -> None:
    """Delete a data set. Raises Conflict while an unfinished job reads it."""
    await _refuse_if_used(session, caller.project_id, row.id)
    await session.execute(jobs.forget_dataset(caller.project_id, row.id))
    await _delete(session, caller, "dataset.delete", row)


async def retire_job(session: AsyncSession, caller: Caller, job_id: str) -> None:
    """Delete a finished job with its feed, artifacts, report and numbers. Raises Missing, and
    Conflict for one that is not finished."""
    row = await jobs.find(session, caller.project_id, job_id, hold=True)
    if not JobState(row.state).finished:
        raise Conflict(f"the job is {row.state}; cancel it first, or wait for its end")
    session.add(caller.audit("job.delete", row.id))
    session.expunge(row)
    await session.run_sync(erase_jobs, [job_id])


async def _refuse_if_used(session: AsyncSession, project_id: str, upload_id: str) -> None:
    for job in await session.scalars(jobs.unfinished(project_id)):
        if upload_id in _uses(job):
            raise Conflict(f"{job.id} still uses this; wait for its end or cancel it")


def _uses(job: Job) -> set[str | None]:
    used = {job.model_id, job.dataset_id}
    if job.spec is not None:
        spec = JobSpec.model_validate(job.spec)
        used |= {*named_models(spec).values(), *named_datasets(spec).values()}
    return used


async def _delete(
    session: AsyncSession, caller: Caller, action: str, row: Model | Dataset
) -> None:
    blob_ids = [i for i in (row.upload_blob_id, row.canonical_blob_id) if i is not None]
    session.add(caller.audit(action, row.id))
    await session.delete(row)
    await session.flush()
    await session.execute(uploads.doom(blob_ids))
