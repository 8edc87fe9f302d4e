"""Where a job's work lies and who hears about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lathe.views import Progress
from worker.engine.context import Report
from worker.engine.measure.locks import TimingLock
from worker.wire import Message, Progressed

Say = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """Folder in, folder out, the supervisor's ear and the host's timing lock."""

    inside: Path
    out: Path
    say: Say
    lock: TimingLock

    def listener(self, message: str | None = None, step: str | None = None) -> Report:
        """Passes on the progress it hears with `step` and `message` filled in, and lets a
        waiting timing go first."""

        def heard(made: Progress) -> None:
            self.lock.breathe()
            said = message or made.message
            self.say(
                Progressed(progress=made.model_copy(update={"step": step, "message": said}))
            )

        return heard

    @contextmanager
    def working(self, message: str | None = None, step: str | None = None) -> Iterator[Report]:
        """Hold the timing lock shared; yields a listener to the work's progress."""
        with self.lock.shared():
            yield self.listener(message, step)
