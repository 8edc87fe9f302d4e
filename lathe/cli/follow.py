"""Waiting for a job, and leaving it."""

from lathe.cli.bars import step_bars
from lathe.cli.connect import Connection
from lathe.cli.endings import Ending
from lathe.cli.say import note
from lathe.errors import Timeout
from lathe.states import JobState
from lathe.views import JobView


def followed(service: Connection, job: JobView, timeout_s: float | None) -> JobView:
    """The job at its end. Ctrl-C and a timeout end the waiting only, unless the service ends
    with this command: then the job is cancelled, and its finished steps are kept."""
    try:
        with step_bars() as seen:
            return service.lathe.wait(job.id, timeout_s=timeout_s, seen=seen)
    except (KeyboardInterrupt, Timeout):
        _left(service, job)
        raise


def ending(job: JobView) -> Ending:
    """0 for a job that succeeded with every limit kept."""
    kept = job.verdict is None or job.verdict.constraints_met in {True, None}
    return Ending.DONE if job.state is JobState.SUCCEEDED and kept else Ending.MISSED


def why(job: JobView) -> str:
    """How a job ended that did not succeed."""
    failure = job.failure
    return f"{job.id} {job.state}" + (f": {failure.detail}" if failure else ".")


def _left(service: Connection, job: JobView) -> None:
    if service.passing:
        service.lathe.cancel(job.id)
        note(
            f"{job.id} is cancelled, as the service stops with this command. Run the same "
            "command again: steps that were finished are not done again."
        )
        return
    note(
        f"{job.id} goes on. Follow it with `lathe jobs watch {job.id}`, end it with "
        f"`lathe jobs cancel {job.id}`."
    )
