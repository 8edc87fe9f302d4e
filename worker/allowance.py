"""The GPU minutes of a project, looked at while one of its jobs runs."""

from sqlalchemy.orm import Session

from app.store.queue import Claim
from app.store.quotas.limits import Limits
from app.store.quotas.room import gpu_minutes_over
from lathe.errors import GpuQuotaReached
from lathe.states import Queue


class Allowance:
    """`over` says why the job must end, and is None while the project has minutes left.

    The thread that renews the lease looks, the one that listens to the child asks.
    """

    def __init__(self, claim: Claim, defaults: Limits) -> None:
        self._claim, self._defaults = claim, defaults
        self.over: GpuQuotaReached | None = None

    @property
    def limited(self) -> bool:
        """Whether there is anything to look at: other queues have no minutes to use up."""
        return self._claim.queue is Queue.GPU and self.over is None

    def look(self, session: Session) -> None:
        """Count the project's minutes; reads only."""
        self.over = gpu_minutes_over(session, self._claim.project_id, self._defaults)
