"""The reads that clients repeat: statements of columns, without rows of the ORM."""

from app.store.reads.columns import EventColumns, JobColumns, StepColumns
from app.store.reads.feed import FeedRead, feed
from app.store.reads.job import JobRead, job, jobs, page
from app.store.reads.key import key
from app.store.reads.reader import Columns, Reader, reader
from app.store.reads.standing import Standing, standings

__all__ = [
    "Columns",
    "EventColumns",
    "FeedRead",
    "JobColumns",
    "JobRead",
    "Reader",
    "Standing",
    "StepColumns",
    "feed",
    "job",
    "jobs",
    "key",
    "page",
    "reader",
    "standings",
]
