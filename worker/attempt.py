"""One attempt at a job: stage its folder, bear its child, listen until there is an outcome."""

import logging
import os
import select
import time
from contextlib import ExitStack

from sqlalchemy.orm import Session

from app.store import progress
from app.store.queue import MAX_LAPSES, Claim, Standing
from app.store.rows import Job
from lathe.errors import Internal, OutOfDisk, Refused, Unavailable, told_code
from lathe.states import JobKind
from worker.allowance import Allowance
from worker.bench import Bench
from worker.fetch import fetch
from worker.folder import Escape, JobFolder
from worker.hearing import Hearing
from worker.ledger import Ledger
from worker.lines import Garbled, Lines
from worker.nursery import NurseryBroken
from worker.order import Died, Order
from worker.outcome import CutShort, Failed, Killed, Outcome, Postponed, Stop, ending
from worker.sandbox import caps
from worker.sandbox.cgroup import oom_kills
from worker.sandbox.post_mortem import Crash, post_mortem
from worker.sandbox.rules import max_run_s, rules
from worker.sandbox.watch import Watch
from worker.stage import Staged, stage
from worker.timeline import Stage, Timeline
from worker.vetted import vetted, vetted_report
from worker.wire import (
    Compressed,
    DatasetInspected,
    Entered,
    Message,
    ModelInspected,
    Progressed,
    Refusal,
    Said,
    StepFinished,
    StepStarted,
    TrainingSaved,
)

_TICK_MS = 100
_LOOK_S = 0.3  # between two looks at what people asked for
_LAST_WORDS_S = 5.0

Done = Compressed | ModelInspected | DatasetInspected

log = logging.getLogger(__name__)


class Attempt:
    """Runs on the supervisor's main thread, which also owns the nursery."""

    def __init__(
        self,
        claim: Claim,
        bench: Bench,
        ledger: Ledger,
        folder: JobFolder,
        timeline: Timeline,
        allowance: Allowance | None = None,
        *,
        cut_short: CutShort | None = None,
    ) -> None:
        """With `cut_short`, what an attempt has finished is measured and nothing else done.
        The attempt ends when its `allowance`, if it has one, is over."""
        self._allowance, self._cut_short = allowance, cut_short
        self._claim = claim
        self._bench = bench
        self._ledger = ledger
        self._folder = folder
        self._timeline = timeline
        self._max_run_s = max_run_s(claim, bench.settings)
        self._policy = rules(claim, bench.settings, folder)
        self._started_s = self._looked_s = time.monotonic()

    def outcome(self) -> Outcome:
        """Do it. The child is dead when this returns, however it returns."""
        try:
            return self._fetched_and_run()
        except Unavailable as error:  # for longer than we have waited
            return Postponed(error.detail)
        except OutOfDisk as error:  # another worker may have more
            last = self._claim.fence.attempt >= MAX_LAPSES
            return Failed(error.failure()) if last else Postponed(error.detail)
        except NurseryBroken as error:
            return Crash(str(error))
        except Refused as refused:
            return Failed(refused.failure())
        except (Garbled, Escape) as error:
            log.error("job %s: its child sent %s", self._claim.fence.job_id, error)  # noqa: TRY400 - the trace says nothing more
            return Failed(
                Internal(f"The job's process sent what it must not: {error}").failure()
            )

    def _fetched_and_run(self) -> Outcome:
        stop = fetch(self._claim, self._bench, self._ledger, self._timeline, self._told_to_stop)
        if stop is not None:
            return stop
        self._started_s = time.monotonic()  # fetching has a limit of its own
        what = f"staging for {self._claim.fence.job_id}"
        with self._timeline.stage(Stage.STAGE):
            staged = self._ledger.patience(what, self._staged)
        if self._cut_short is None:
            self._tell_reused(staged)
        log.info("job %s is staged", self._claim.fence.job_id)
        every_s = self._bench.settings.training_every_s
        hearing = Hearing(
            self._folder,
            self._ledger,
            staged.chain,
            self._timeline,
            training_every_s=every_s,
        )
        outcome = self._run(hearing)
        return self._with_what_is_finished(outcome, staged)

    def _staged(self) -> Staged:
        bench = self._bench
        return stage(
            bench.sessions,
            bench.objects,
            self._claim,
            self._folder.inside,
            bench.settings,
            self._cut_short,
        )

    def _with_what_is_finished(self, outcome: Outcome, staged: Staged) -> Outcome:
        """A limit that killed the child behind finished steps is told with their number."""
        chain = staged.chain
        if not isinstance(outcome, Killed) or chain is None or not chain.position:
            return outcome
        failure = outcome.failure.model_copy(update={"step": chain.position})
        return CutShort(failure, reused=len(staged.reused))

    def _tell_reused(self, staged: Staged) -> None:
        def write(session: Session, job: Job) -> None:
            for step in staged.reused:
                progress.step_finished(session, job, step.report, step.blob_id)

        if staged.reused:
            self._ledger.write(write)

    def _run(self, hearing: Hearing) -> Outcome:
        inspects = self._claim.kind is JobKind.INSPECT
        with self._timeline.child(Stage.INSPECT if inspects else Stage.PREPARE):
            outcome = self._heard_out(hearing)
            if isinstance(outcome, Killed):
                self._timeline.kills.append(told_code(outcome.failure.code))
            if not isinstance(outcome, Compressed):
                self._timeline.leave(ending(outcome).code)
            return outcome

    def _heard_out(self, hearing: Hearing) -> Outcome:
        killed_before = oom_kills()
        pid, pipe = self._bear()
        log.info("job %s has a child", self._claim.fence.job_id)
        died: Died | None = None
        try:
            lines = Lines(pipe)
            with Watch(pid, self._policy, self._folder) as watch:
                outcome = self._listen(lines, hearing, watch)
                if outcome is None:  # the child let go of the pipe without an answer
                    died = self._bench.nursery.died(_LAST_WORDS_S)
            if isinstance(outcome, Killed) or (outcome is None and watch.broken is not None):
                died = died or self._bench.nursery.kill()
                outcome = self._last_heard(lines, hearing) or outcome
        finally:
            os.close(pipe)
            if died is None:
                died = self._bench.nursery.kill()
        if outcome is not None:
            log.info("job %s is answered", self._claim.fence.job_id)
            return self._weighed(outcome, watch)
        oom_killed = oom_kills() > killed_before
        tail = self._folder.log_tail()
        log.warning("job %s: its child died: %s %s", self._claim.fence.job_id, died, tail)
        if watch.broken is not None:
            return Killed(watch.broken.failure())
        verdict = post_mortem(died, self._policy, tail, oom_killed=oom_killed)
        return verdict if isinstance(verdict, Crash) else Killed(verdict)

    def _weighed(self, outcome: Outcome, watch: Watch) -> Outcome:
        """The same, unless what is handed over became too much behind the last look."""
        if not isinstance(outcome, Done):
            return outcome
        broken = watch.measured()
        return outcome if broken is None else Killed(broken.failure())

    def _bear(self) -> tuple[int, int]:
        """Start the child; returns its pid and the reading end of its pipe."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        lock = os.open(
            self._bench.settings.lock_path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666
        )
        printed = os.open(self._folder.log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        with ExitStack() as unborn:
            unborn.callback(os.close, reading)
            try:
                policy = self._policy.with_staged(self._folder.staged_bytes)
                order = Order(folder=self._folder.path, policy=policy)
                pid = self._bench.nursery.bear(order, (writing, lock, printed))
            finally:
                for descriptor in (writing, lock, printed):  # they live on in the child alone
                    os.close(descriptor)
            unborn.pop_all()
        return pid, reading

    def _listen(self, lines: Lines, hearing: Hearing, watch: Watch) -> Outcome | None:
        poll = select.poll()
        poll.register(lines.fileno(), select.POLLIN)
        while not lines.closed and watch.broken is None:
            if lines.rest_s > 0:
                time.sleep(min(lines.rest_s, _TICK_MS / 1000))
            else:
                poll.poll(_TICK_MS)
                if (ending := self._heard(lines.read(), hearing)) is not None:
                    return ending
            hearing.flush()
            if (stop := self._must_stop()) is not None:
                return stop
        return None

    def _last_heard(self, lines: Lines, hearing: Hearing) -> Outcome | None:
        """What a dead child had said while its supervisor was busy with what it said before:
        a step that it finished is finished, and an answer is one."""
        while said := lines.read():
            if (ending := self._heard(said, hearing)) is not None:
                return ending
        return None

    def _heard(self, said: list[Message], hearing: Hearing) -> Outcome | None:
        for message in said:
            if (ending := self._hear(message, hearing)) is not None:
                return ending
        return None

    def _hear(self, message: Message, hearing: Hearing) -> Outcome | None:
        match message:
            case (
                Progressed()
                | Entered()
                | StepStarted()
                | StepFinished()
                | TrainingSaved()
                | Said()
            ):
                hearing.hear(message)
                return None
            case Refusal():
                self._log_refusal(message)
                if message.failure.code == OutOfDisk.code:  # the worker's disk, not the job's
                    raise OutOfDisk(message.failure.detail)
                return Failed(vetted(message.failure))
            case Compressed() | ModelInspected() | DatasetInspected():
                if type(message) is not self._expected():
                    raise Garbled(f"an ending of another kind of task: {message.kind}")
                return _vetted_ending(message)

    def _expected(self) -> type[Compressed | ModelInspected | DatasetInspected]:
        if self._claim.kind is JobKind.COMPRESS:
            return Compressed
        return ModelInspected if self._claim.model_id is not None else DatasetInspected

    def _log_refusal(self, refusal: Refusal) -> None:
        if refusal.failure.code == Internal.code:
            job_id, tail = self._claim.fence.job_id, self._folder.log_tail()
            log.error("job %s: %s %s", job_id, refusal.failure.detail, tail)

    def _must_stop(self) -> Outcome | None:
        now_s = time.monotonic()
        if now_s - self._started_s - self._ledger.waited_s > self._max_run_s:
            return Killed(caps.out_of_time(self._policy, self._max_run_s).failure())
        if self._allowance is not None and self._allowance.over is not None:
            return Killed(self._allowance.over.failure())
        return self._told_to_stop()

    def _told_to_stop(self) -> Stop | None:
        """What the worker, the people or another worker want; asked every now and then."""
        if self._bench.drain.over:
            return Stop.WORKER_STOPS
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return None
        self._looked_s = now_s
        match self._ledger.standing():
            case Standing.HELD:
                return None
            case Standing.CANCELLING:
                return Stop.CANCELLED
            case Standing.LOST:
                return Stop.LOST


def _vetted_ending(ending: Done) -> Done:
    if not isinstance(ending, Compressed):
        return ending
    return ending.model_copy(update={"report": vetted_report(ending.report)})
