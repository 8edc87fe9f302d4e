"""The projects whose queued jobs wait because the project has used what it may."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, case, func, literal_column, select
from sqlalchemy.orm import Session

from app.store.quotas.limits import Limits, running_names
from app.store.quotas.minutes import gpu_minutes_of_all, this_month
from app.store.rows import Job, Quota
from lathe.states import Queue

_RUNNING: ColumnElement[str] = literal_column("'running'")  # as the partial index has it


def spent(session: Session, default: int | None) -> dict[str, int]:
    """The projects whose GPU minutes of this month are used up, and how many they had."""
    own = _own(session, "gpu_minutes")
    if default is None and all(most is None for most in own.values()):
        return {}
    used = gpu_minutes_of_all(session)
    return {
        project: most
        for project in used.keys() | own.keys()
        if (most := own.get(project, default)) is not None and used.get(project, 0.0) >= most
    }


def busy(session: Session, queue: Queue, default: int | None) -> dict[str, int]:
    """The projects that have as many running jobs in `queue` as they may."""
    own: dict[str, int | None] = {}
    for name in reversed(running_names(queue)):
        own |= _own(session, name)
    if default is None and all(most is None for most in own.values()):
        return {}
    asked = (
        select(Job.project_id, func.count())
        .where(Job.queue == queue, Job.state == _RUNNING)
        .group_by(Job.project_id)
    )
    running = {row[0]: row[1] for row in session.execute(asked)}
    return {
        project: most
        for project in running.keys() | own.keys()
        if (most := own.get(project, default)) is not None and running.get(project, 0) >= most
    }


def any_running_limit(session: Session, queue: Queue) -> bool:
    """Whether some project has a limit of its own of running jobs in `queue`."""
    named = Quota.name.in_(running_names(queue))
    own = select(Quota.project_id).where(named, Quota.most.is_not(None))
    return session.scalar(own.limit(1)) is not None


def room_to_run(
    project_id: ColumnElement[str],
    running: ColumnElement[int],
    queue: Queue,
    default: int | None,
) -> ColumnElement[bool]:
    """The project may have one more than `running` jobs in `queue`."""
    own = [
        select(Quota.most).where(Quota.project_id == project_id, Quota.name == name)
        for name in running_names(queue)
    ]
    most = case(
        *((each.exists(), each.correlate(project_id.table).scalar_subquery()) for each in own),
        else_=default,
    )
    return func.coalesce(running < most, True)


def sentences(session: Session, queue: Queue, defaults: Limits) -> Mapping[str, str]:
    """What the queued jobs of each project wait for that may start none in `queue` now."""
    said = {
        project: f"one of the {most} jobs that the project may run in the queue {queue} at once"
        " to end"
        if most
        else f"the project may run no job in the queue {queue}; an operator sets its quota"
        for project, most in busy(session, queue, defaults.running(queue)).items()
    }
    if queue is Queue.GPU:
        _, again = this_month(session)
        said |= {
            project: f"the project's {most} GPU minutes of this month are used up; the next "
            f"begin on {again:%Y-%m-%d} (UTC)"
            for project, most in spent(session, defaults.gpu_minutes).items()
        }
    return said


def _own(session: Session, name: str) -> dict[str, int | None]:
    rows = session.execute(select(Quota.project_id, Quota.most).where(Quota.name == name))
    return {row[0]: row[1] for row in rows}
