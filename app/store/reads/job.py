"""One job with its steps, and jobs by the page."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, select

from app.store.reads.columns import JOB, STEP
from app.store.reads.reader import Columns, Reader, Rows
from app.store.rows import Job, Step
from lathe.errors import Missing

_ONE: Columns = (
    select(*JOB, *STEP)
    .outerjoin(Step, Step.job_id == Job.id)
    .where(Job.id == bindparam("job_id"), Job.project_id == bindparam("project_id"))
    .order_by(Step.position)
)
_STEPS: Columns = (
    select(Step.job_id, *STEP)
    .where(Step.job_id.in_(bindparam("job_ids", expanding=True)))
    .order_by(Step.job_id, Step.position)
)


async def job(reader: Reader, project_id: str, job_id: str) -> Rows:
    """One job of the project: a row for each step, or one whose `step_id` is None.

    Raises Missing.
    """
    rows = await reader.rows(_ONE, {"job_id": job_id, "project_id": project_id})
    if not rows:
        raise Missing("there is no such job", param="job_id")
    return rows


def jobs(project_id: str) -> Columns:
    """The columns of the project's jobs; to be filtered and cut to a page."""
    return select(*JOB).where(Job.project_id == project_id)


async def steps(reader: Reader, job_ids: Collection[str]) -> dict[str, Rows]:
    """The steps of these jobs, each job's in order; a job without steps has none."""
    found: dict[str, list[Any]] = {job_id: [] for job_id in job_ids}
    if found:
        for row in await reader.rows(_STEPS, {"job_ids": list(found)}):
            found[row.job_id].append(row)
    return {job_id: tuple(rows) for job_id, rows in found.items()}
