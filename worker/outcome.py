"""How an attempt at a job can come out."""

from dataclasses import dataclass
from enum import StrEnum

from lathe.errors import Failure
from worker.post_mortem import Crash
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
    """A limit of time or memory killed the child."""


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
