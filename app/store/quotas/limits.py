"""The limits of a project: the installation's, unless it has its own."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.store.clock import db_now
from app.store.rows import Project, Quota
from app.store.upsert import upsert
from lathe.states import Queue


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit.

    `stored_bytes` counts models, data sets, artifacts and unfinished uploads, `running_jobs`
    those of one queue but gpu, which has `running_gpu`, `gpu_minutes` those of a calendar
    month (UTC).
    """

    stored_bytes: int | None = None
    unfinished_jobs: int | None = None
    running_jobs: int | None = None
    running_gpu: int | None = None
    gpu_minutes: int | None = None

    def running(self, queue: Queue) -> int | None:
        """How many jobs may run in the queue at once."""
        return self.running_gpu if queue is Queue.GPU else self.running_jobs


def running_names(queue: Queue) -> tuple[str, ...]:
    """Under which names a project may have a limit of its own of running jobs in the queue;
    the first that it has holds."""
    return ("running_gpu", "running_jobs") if queue is Queue.GPU else ("running_jobs",)


NAMES = tuple(field.name for field in fields(Limits))
NO_LIMITS = Limits()


def limits_of(session: Session, project_id: str, defaults: Limits) -> Limits:
    """What holds for the project. What a newer release limits is passed over."""
    own = own_limits(session, project_id)
    if "running_jobs" in own:
        own = {"running_gpu": own["running_jobs"], **own}
    return replace(defaults, **{name: own[name] for name in NAMES if name in own})


def own_limits(session: Session, project_id: str) -> Mapping[str, int | None]:
    """The project's own limits by name."""
    rows = session.execute(select(Quota.name, Quota.most).where(Quota.project_id == project_id))
    return {row[0]: row[1] for row in rows}


def set_limit(session: Session, project_id: str, name: str, most: int | None) -> None:
    """Give the project a limit of its own; None is no limit, whatever the default."""
    values = {"most": most, "set_at": session.execute(select(db_now())).scalar_one()}
    session.execute(
        upsert(session, Quota)
        .values(project_id=project_id, name=name, **values)
        .on_conflict_do_update(index_elements=[Quota.project_id, Quota.name], set_=values)
    )


def forget_limit(session: Session, project_id: str, name: str) -> None:
    """Let the installation's limit hold for the project again."""
    session.execute(delete(Quota).where(Quota.project_id == project_id, Quota.name == name))


def hold(session: Session, project_id: str) -> None:
    """Let nobody else count what the project uses until the transaction ends, so that two who
    find room at once cannot both take it. On SQLite a transaction has the only write lock."""
    session.execute(
        select(Project.id).where(Project.id == project_id).with_for_update(key_share=True)
    )
