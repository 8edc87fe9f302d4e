"""How an attempt at a job can come out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from lathe.errors import Failure, WorkerCrashed, told_code
from worker.sandbox.post_mortem import Crash
from worker.wire import Compressed, DatasetInspected, ModelInspected


class Stop(StrEnum):
    """Why a job that could go on does not."""

    CANCELLED = "cancelled"
    LOST = "lost"
    WORKER_STOPS = "worker stops"


@dataclass(frozen=True, slots=True)
class Failed:
    """The job is over, and why."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Killed(Failed):
    """A limit of time, memory or GPU minutes killed the child."""


@dataclass(frozen=True, slots=True)
class CutShort(Killed):
    """It did so behind finished steps, of which the first `reused` came from
    the step cache; `failure` names the step it was at."""

    reused: int


@dataclass(frozen=True, slots=True)
class Postponed:
    """Something that the job needs is away, and why; it is tried again later."""

    cause: str


Outcome = Compressed | ModelInspected | DatasetInspected | Failed | Crash | Postponed | Stop


@dataclass(frozen=True, slots=True)
class Ending:
    """An outcome in two words, for traces and metrics: how it came out, and the failure's code
    where it is one."""

    how: str
    code: str | None = None


def ending(outcome: Outcome) -> Ending:
    """What is told of an outcome without naming anything that users named."""
    match outcome:
        case Compressed(report=report):
            told = Ending("succeeded")
            if report.failure is not None:
                told = Ending("failed", told_code(report.failure.code))
        case ModelInspected() | DatasetInspected():
            told = Ending("succeeded")
        case Failed(failure):
            how = "killed" if isinstance(outcome, Killed) else "failed"
            told = Ending(how, told_code(failure.code))
        case Crash():
            told = Ending("crashed", WorkerCrashed.code)
        case Postponed():
            told = Ending("postponed")
        case Stop():
            told = Ending(outcome.value.replace(" ", "_"))
        case _:
            assert_never(outcome)
    return told
