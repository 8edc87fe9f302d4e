"""What a running job tells on its way: its progress, its steps, its log lines.

The caller holds the job's row (see `app.store.queue.held`) and commits.
"""

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.store import feed
from app.store.rows import Job, Step
from app.store.tallies import count
from app.store.tallies.kinds import STEPS
from lathe.report import StepReport
from lathe.states import StepState
from lathe.views import Progress


def progressed(session: Session, job: Job, progress: Progress, *, announce: bool) -> None:
    """Show how far the job is; `announce` also puts it into the feed."""
    data = progress.model_dump(mode="json")
    job.progress, job.version = data, job.version + 1
    if progress.step is not None:
        _change(session, job, progress.step, {"fraction": progress.fraction})
    if announce:
        feed.append(session, job.id, "progressed", data)


def step_started(session: Session, job: Job, step_id: str) -> None:
    """A step begins."""
    job.version += 1
    _change(session, job, step_id, {"state": StepState.RUNNING, "fraction": 0.0})
    feed.append(session, job.id, "step_started", {"step": step_id})


def step_finished(session: Session, job: Job, report: StepReport, blob_id: str) -> None:
    """A step is done, by this run or (`report.reused`) by an earlier one."""
    job.version += 1
    count(session, STEPS, report.technique, "reused" if report.reused else "ran")
    state = StepState.REUSED if report.reused else StepState.SUCCEEDED
    data = report.model_dump(mode="json")
    _change(
        session,
        job,
        report.id,
        {"state": state, "fraction": 1.0, "report": data, "checkpoint_blob_id": blob_id},
    )
    feed.append(
        session,
        job.id,
        "step_finished",
        {"step": report.id, "reused": report.reused, "facts": data["facts"]},
    )


def said(session: Session, job: Job, level: str, text: str) -> None:
    """A line for the job's log."""
    feed.append(session, job.id, "said", {"level": level, "text": text})


def _change(session: Session, job: Job, step_id: str, values: dict[str, object]) -> None:
    session.execute(
        update(Step)
        .where(Step.job_id == job.id, Step.step_id == step_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
