"""A job's events, with the job's state as it was when they were read."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, and_, bindparam, select

from app.store.reads.columns import EVENT, EventColumns
from app.store.reads.reader import Columns, Reader
from app.store.rows import Event, Job
from lathe.errors import Missing
from lathe.states import JobState

_PAGE: Columns = (
    select(Job.state, *EVENT)
    .outerjoin(
        Event, and_(Event.job_id == Job.id, Event.seq > bindparam("after", type_=BigInteger))
    )
    .where(Job.id == bindparam("job_id"), Job.project_id == bindparam("project_id"))
    .order_by(Event.seq)
    .limit(bindparam("limit"))
)


@dataclass(frozen=True, slots=True)
class FeedRead:
    """Some events, oldest first, and whether the job had ended when they were read."""

    events: Sequence[EventColumns]
    ended: bool


async def feed(
    reader: Reader, project_id: str, job_id: str, after: int, limit: int
) -> FeedRead:
    """At most `limit` events behind number `after`; raises Missing for a job that the
    project does not have."""
    values = {"project_id": project_id, "job_id": job_id, "after": after, "limit": limit}
    rows = await reader.rows(_PAGE, values)
    if not rows:
        raise Missing("there is no such job", param="job_id")
    events = [EventColumns._make(row[1:]) for row in rows]
    ended = JobState(rows[0][0]).finished
    return FeedRead(events if events[0].seq is not None else (), ended)
