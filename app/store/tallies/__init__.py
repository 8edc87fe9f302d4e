"""What is counted in the database, in the transaction that makes it true.

A worker has no port that could be scraped, processes come and go, and rows are deleted: so what
happened is added up beside the rows, once for each time it is committed. Every process of the
API gives the same numbers. No label names a project, a key, a model or a job.
"""

from app.store.tallies.count import count, observe
from app.store.tallies.kinds import COUNTED, TIMED, Counted, Timed
from app.store.tallies.read import Series, tallies

__all__ = ["COUNTED", "TIMED", "Counted", "Series", "Timed", "count", "observe", "tallies"]
