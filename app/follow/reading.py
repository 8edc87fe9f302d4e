"""Reading a job or its feed for somebody whose project is known."""

from app.follow import prepared
from app.follow.prepared import PreparedJob
from app.services import Services
from app.store import reads
from app.store.reads import Columns


async def job(parts: Services, project_id: str, job_id: str) -> PreparedJob:
    """The job as it stands, from memory where it has finished; raises Missing."""
    kept = parts.kept.get(project_id, job_id)
    if kept is not None:
        return kept
    found = prepared.job(await reads.job(parts.reads, project_id, job_id))
    parts.kept.keep(project_id, job_id, found)
    return found


async def jobs(parts: Services, statement: Columns, cursor: str | None, limit: int) -> bytes:
    """A page of `statement`, which is `reads.jobs` with filters.

    Raises Malformed for a made-up cursor.
    """
    async with parts.reading() as session:
        found = await reads.page(session, statement, cursor, limit)
    return prepared.jobs(*found)


async def events(
    parts: Services, project_id: str, job_id: str, after: int, limit: int
) -> bytes:
    """A page of the job's events behind number `after`; raises Missing."""
    rows = (await reads.feed(parts.reads, project_id, job_id, after, limit)).events
    return prepared.events(rows, str(rows[-1].seq) if len(rows) == limit else None)
