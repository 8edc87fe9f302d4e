"""One job with its steps, and jobs by the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.pages import cut, keyset
from app.store.reads.columns import JOB, STEP, JobColumns, StepColumns
from app.store.reads.reader import Columns, Reader
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
_WIDTH = len(JOB)


@dataclass(frozen=True, slots=True)
class JobRead:
    """A job and its steps in order, as they stood at one moment."""

    job: JobColumns
    steps: Sequence[StepColumns]


async def job(reader: Reader, project_id: str, job_id: str) -> JobRead:
    """One job of the project; raises Missing."""
    rows = await reader.rows(_ONE, {"job_id": job_id, "project_id": project_id})
    if not rows:
        raise Missing("there is no such job", param="job_id")
    first = JobColumns._make(rows[0][:_WIDTH])
    steps = [StepColumns._make(row[_WIDTH:]) for row in rows]
    return JobRead(first, steps if steps[0].step_id is not None else ())


def jobs(project_id: str) -> Columns:
    """The project's jobs; to be filtered, then given to `page`."""
    return select(*JOB).where(Job.project_id == project_id)


async def page(
    session: AsyncSession, statement: Columns, cursor: str | None, limit: int
) -> tuple[list[JobRead], str | None]:
    """The newest of those jobs behind the cursor, and the cursor of the next page.

    A filter may look at many rows before it finds enough, so this is no read for a `Reader`.
    Raises Malformed for a made-up cursor.
    """
    rows = (await session.execute(keyset(statement, Job, cursor, limit))).all()
    shown, next_cursor = cut([JobColumns._make(row) for row in rows], limit)
    steps: dict[str, list[StepColumns]] = {job.id: [] for job in shown}
    for row in (await session.execute(_STEPS, {"job_ids": list(steps)})).all():
        steps[row[0]].append(StepColumns._make(row[1:]))
    return [JobRead(job, steps[job.id]) for job in shown], next_cursor
