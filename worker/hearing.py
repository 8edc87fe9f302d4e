"""What a child says on its way, thinned out and written down behind the fence."""

import time
from collections.abc import Callable

from sqlalchemy.orm import Session

from app.store import cache, progress, training
from app.store.rows import Job
from lathe.views import Progress
from worker.folder import JobFolder
from worker.ledger import Ledger
from worker.lines import Garbled
from worker.stage import Chain
from worker.timeline import Stage, Timeline
from worker.wire import Entered, Progressed, Said, StepFinished, StepStarted, TrainingSaved

_WRITE_EVERY_S = 1.0  # the row is never more than two seconds behind the child
_ANNOUNCE_EVERY_S = 5.0
_MOST_LINES = 1000  # of a job's log
_LONGEST_LINE = 2000  # characters
_SOONEST = 0.5  # of the time between two states of a training

Told = Progressed | Entered | StepStarted | StepFinished | TrainingSaved | Said


class Hearing:
    """Listens for one attempt. Steps must come in the pipeline's order, each once."""

    def __init__(
        self,
        folder: JobFolder,
        ledger: Ledger,
        chain: Chain | None,
        timeline: Timeline,
        clock: Callable[[], float] = time.monotonic,
        training_every_s: float = 0.0,
    ) -> None:
        """A training's state that comes much sooner than `training_every_s` is not stored."""
        self._folder = folder
        self._ledger = ledger
        self._chain = chain
        self._timeline = timeline
        self._clock = clock
        self._pending: Progress | None = None
        self._written_s = self._announced_s = self._kept_s = float("-inf")
        self._keep_after_s = _SOONEST * training_every_s
        self._begun: str | None = None
        self._entered: set[str] = set()
        self._lines = 0

    def hear(self, message: Told) -> None:
        """Take one message in; raises Garbled, Escape, OutOfDisk, Unavailable."""
        match message:
            case Progressed():
                self._progressed(message.progress)
            case Entered():
                self._enter(message)
            case StepStarted():
                self._begin(message.step)
                self._ledger.write(
                    lambda session, job: progress.step_started(session, job, message.step)
                )
            case StepFinished():
                self._finished(message)
            case TrainingSaved():
                self._keep(message)
            case Said():
                self._said(message)

    def flush(self) -> None:
        """Write the newest progress if it is due."""
        now_s = self._clock()
        if self._pending is None or now_s - self._written_s < _WRITE_EVERY_S:
            return
        announce = now_s - self._announced_s >= _ANNOUNCE_EVERY_S
        newest, self._pending = self._pending, None
        self._written_s = now_s
        self._announced_s = now_s if announce else self._announced_s
        self._ledger.write(
            lambda session, job: progress.progressed(session, job, newest, announce=announce)
        )

    def _progressed(self, newest: Progress) -> None:
        if newest.step is None and self._chain is not None:
            newest = newest.model_copy(update={"step": self._chain.step_id})
        self._pending = newest
        self.flush()

    def _begin(self, step: str) -> None:
        chain = self._expect(step)
        if self._begun == step:
            raise Garbled(f"the step {step!r} twice")
        self._begun, self._pending = step, None
        self._timeline.enter(Stage.STEP, chain.technique, chain.position)

    def _enter(self, message: Entered) -> None:
        if message.phase in self._entered:
            raise Garbled(f"the phase {message.phase!r} twice")
        self._entered.add(message.phase)
        self._timeline.enter(Stage(message.phase))

    def _finished(self, message: StepFinished) -> None:
        chain = self._expect(message.step)
        self._timeline.leave()
        with self._folder.handed_over(message.checkpoint) as path:
            stored = self._ledger.store("checkpoints", path)
        told = {"id": message.step, "technique": chain.technique, "reused": False}
        report = message.report.model_copy(update=told)
        key = chain.key()

        def write(session: Session, job: Job) -> None:
            blob = cache.keep(session, job.project_id, job.id, key, stored, report)
            progress.step_finished(session, job, report, blob)
            training.drop(session, job.project_id, key)

        self._pending = None
        self._ledger.write(write)
        self._ledger.discard_strangers([stored])
        chain.advance(stored.sha256)

    def _keep(self, message: TrainingSaved) -> None:
        """Store a training's state if the store takes it now: the next one comes anyway."""
        key = self._expect(message.step).key()
        if self._clock() - self._kept_s < self._keep_after_s:
            self._folder.remove(message.file)
            return
        self._kept_s = self._clock()
        with self._folder.handed_over(message.file) as path:
            stored = self._ledger.try_to_store("training", path)
        self._folder.remove(message.file)
        if stored is None:
            return
        self._ledger.write(
            lambda session, job: training.keep(session, job.project_id, key, stored)
        )
        self._ledger.discard_strangers([stored])

    def _expect(self, step: str) -> Chain:
        if self._chain is None or step != self._chain.step_id:
            raise Garbled(f"a step {step!r} that is not the next one")
        return self._chain

    def _said(self, message: Said) -> None:
        self._lines += 1
        if self._lines > _MOST_LINES:
            return
        text = message.text[:_LONGEST_LINE]
        if self._lines == _MOST_LINES:
            text = f"more than {_MOST_LINES} lines; the rest is left out"
        self._ledger.write(
            lambda session, job: progress.said(session, job, message.level, text)
        )
