"""Whether a project has room for one more upload or one more job.

Each question is cheap where no limit holds: one look at the project's own limits. Where one
does, whoever is going to write holds the project's row first, so the count is exact.
"""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.store.quotas.limits import Limits, hold, limits_of
from app.store.quotas.minutes import gpu_minutes, this_month
from app.store.quotas.stored import stored
from app.store.rows import Job
from lathe.errors import (
    GpuQuotaReached,
    JobQuotaReached,
    QuotaReached,
    StorageQuotaReached,
)
from lathe.states import JobState, Queue

_UNFINISHED = [state for state in JobState if not state.finished]


@dataclass(frozen=True, slots=True)
class Room:
    """How much a project with such a limit may still store."""

    most: int
    used: int

    @property
    def left(self) -> int:
        """Bytes."""
        return max(0, self.most - self.used)

    def refusal(self) -> StorageQuotaReached:
        """What is said of more."""
        return StorageQuotaReached(
            f"the project stores {self.used} of the {self.most} bytes that it may, and this is "
            f"more than the {self.left} that are left; delete models, data sets or unfinished "
            "uploads (GET /v1/usage shows them by kind), or ask an operator for a larger quota"
        )


def room(session: Session, project_id: str, defaults: Limits) -> Room | None:
    """What is left to the project now; None for any amount. Holds nothing."""
    most = limits_of(session, project_id, defaults).stored_bytes
    return None if most is None else Room(most, stored(session, project_id).counted)


def check_bytes(session: Session, project_id: str, defaults: Limits, more: int = 0) -> None:
    """Raise StorageQuotaReached where `more` bytes beside those of the session's transaction
    are too many; the project is held."""
    most = limits_of(session, project_id, defaults).stored_bytes
    if most is None:
        return
    hold(session, project_id)
    found = Room(most, stored(session, project_id).counted)
    if found.used + more > most:
        raise found.refusal()


def check_jobs(session: Session, project_id: str, defaults: Limits, more: int = 1) -> None:
    """Raise JobQuotaReached where `more` unfinished jobs beside those of the session's
    transaction are too many; the project is held."""
    most = limits_of(session, project_id, defaults).unfinished_jobs
    if most is None:
        return
    hold(session, project_id)
    if (used := _unfinished(session, project_id)) + more > most:
        raise _too_many(used, most)


def refused_jobs(
    session: Session, project_id: str, defaults: Limits, queue: Queue, *, holding: bool
) -> list[QuotaReached]:
    """Every quota that stands in the way of one more job in `queue`."""
    limits = limits_of(session, project_id, defaults)
    if holding and limits.unfinished_jobs is not None:
        hold(session, project_id)
    reasons: list[QuotaReached] = []
    if (most := limits.unfinished_jobs) is not None:
        used = _unfinished(session, project_id)
        reasons += [_too_many(used, most)] if used >= most else []
    if (most := limits.stored_bytes) is not None:
        found = Room(most, stored(session, project_id).counted)
        reasons += [found.refusal()] if not found.left else []
    if (most := limits.gpu_minutes) is not None and queue is Queue.GPU:
        _, again = this_month(session)
        ran = gpu_minutes(session, project_id)
        reasons += [_spent(ran, most, f"{again:%Y-%m-%d}")] if ran >= most else []
    return reasons


def has_gpu_minutes(session: Session, project_id: str, defaults: Limits) -> bool:
    """Whether the project may use a GPU this month still."""
    most = limits_of(session, project_id, defaults).gpu_minutes
    return most is None or gpu_minutes(session, project_id) < most


def gpu_minutes_over(
    session: Session, project_id: str, defaults: Limits
) -> GpuQuotaReached | None:
    """What is said of a running job whose project has used up its GPU minutes of this month;
    None while it has some left."""
    most = limits_of(session, project_id, defaults).gpu_minutes
    if most is None or gpu_minutes(session, project_id) < most:
        return None
    _, again = this_month(session)
    return GpuQuotaReached(
        f"the project's {most} GPU minutes of this month were used up while the job ran; "
        "submit it with resources.device cpu, ask an operator for a larger quota, or retry it "
        f"from {again:%Y-%m-%d} (UTC) on, which goes on behind its finished steps",
        param="resources.device",
    )


def _unfinished(session: Session, project_id: str) -> int:
    asked = select(func.count()).where(Job.project_id == project_id, Job.state.in_(_UNFINISHED))
    return session.scalar(asked) or 0


def _too_many(used: int, most: int) -> JobQuotaReached:
    return JobQuotaReached(
        f"the project has {used} of the {most} unfinished jobs that it may; wait until one has "
        "ended, or cancel one"
    )


def _spent(ran: float, most: int, again: str) -> GpuQuotaReached:
    return GpuQuotaReached(
        f"the project has used {ran:.0f} of its {most} GPU minutes of this month; ask for "
        f"resources.device cpu, or wait for {again} (UTC)",
        param="resources.device",
    )
