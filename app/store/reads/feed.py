"""A job's events, with the job's state as it was when they were read."""

from sqlalchemy import and_, bindparam, select

from app.store.reads.columns import EVENT
from app.store.reads.reader import Columns, Reader, Rows
from app.store.rows import Event, Job
from lathe.errors import Missing

_PAGE: Columns = (
    select(Job.state, *EVENT)
    .outerjoin(Event, and_(Event.job_id == Job.id, Event.seq > bindparam("after")))
    .where(Job.id == bindparam("job_id"), Job.project_id == bindparam("project_id"))
    .order_by(Event.seq)
    .limit(bindparam("limit"))
)


async def feed(reader: Reader, project_id: str, job_id: str, after: int, limit: int) -> Rows:
    """At most `limit` events behind number `after`, oldest first; where there is none, one
    row whose `seq` is None. Raises Missing for a job that the project does not have."""
    values = {"project_id": project_id, "job_id": job_id, "after": after, "limit": limit}
    rows = await reader.rows(_PAGE, values)
    if not rows:
        raise Missing("there is no such job", param="job_id")
    return rows
