"""How jobs stand, in as few bytes as a poll needs."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import bindparam, select

from app.store.reads.reader import Columns, Reader
from app.store.rows import Job
from lathe.states import JobState

_AT_ONCE = 500  # ids a statement
_STANDING: Columns = select(Job.id, Job.state, Job.last_seq).where(
    Job.id.in_(bindparam("job_ids", expanding=True))
)


class Standing(NamedTuple):
    """Whether a job has ended, and the number of its last event."""

    finished: bool
    last_seq: int


async def standings(reader: Reader, job_ids: Collection[str]) -> dict[str, Standing]:
    """How these jobs stand; one that is not there is left out."""
    wanted, found = list(job_ids), {}
    for start in range(0, len(wanted), _AT_ONCE):
        values = {"job_ids": wanted[start : start + _AT_ONCE]}
        for job_id, state, last_seq in await reader.rows(_STANDING, values):
            found[job_id] = Standing(JobState(state).finished, last_seq)
    return found
