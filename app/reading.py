"""Reading a job or its feed for somebody whose project is known."""

from app import prepared
from app.prepared import PreparedJob
from app.services import Services
from app.store import reads
from app.store.pages import cut, keyset
from app.store.reads import Columns
from app.store.rows import Job


async def job(parts: Services, project_id: str, job_id: str) -> PreparedJob:
    """The job as it stands, from memory where it has finished; raises Missing."""
    kept = parts.kept.get(project_id, job_id)
    if kept is not None:
        return kept
    found = prepared.job(await reads.job(parts.reads, project_id, job_id))
    parts.kept.keep(project_id, job_id, found)
    return found


async def jobs(parts: Services, statement: Columns, cursor: str | None, limit: int) -> bytes:
    """A page of `statement`, whose columns are those of `app.store.reads.jobs`.

    Raises Malformed for a made-up cursor.
    """
    rows = await parts.reads.rows(keyset(statement, Job, cursor, limit), {})
    shown, next_cursor = cut(rows, limit)
    steps = await reads.steps(parts.reads, [row.id for row in shown])
    return prepared.jobs(shown, steps, next_cursor)


async def events(
    parts: Services, project_id: str, job_id: str, after: int, limit: int
) -> bytes:
    """A page of the job's events behind number `after`; raises Missing."""
    rows = await reads.feed(parts.reads, project_id, job_id, after, limit)
    full = len(rows) == limit and rows[-1].seq is not None
    return prepared.events(rows, str(rows[-1].seq) if full else None)
