"""The reads that clients repeat: statements of columns, without rows of the ORM."""

from app.store.reads.feed import feed
from app.store.reads.job import job, jobs, steps
from app.store.reads.key import key
from app.store.reads.reader import Columns, Reader, Rows, reader
from app.store.reads.standing import Standing, standings

__all__ = [
    "Columns",
    "Reader",
    "Rows",
    "Standing",
    "feed",
    "job",
    "jobs",
    "key",
    "reader",
    "standings",
    "steps",
]
