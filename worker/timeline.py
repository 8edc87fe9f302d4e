"""When what was done for one attempt at a job: its span, the spans below it, and the seconds.

The child has no socket. It says over its pipe which phase it enters and which step it begins
and ends; the times are the supervisor's, who hears it. So a child can neither name a span nor
say how long it took.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode, Tracer, set_span_in_context

from app.store.queue import Claim
from app.store.traces import parent_of
from app.store.traces.attempts import attempt_span
from lathe.errors import Refused
from worker.outcome import Ending

_NS = 1_000_000_000


class Stage(StrEnum):
    """What an attempt's time goes into. The child's are `prepare` to `inspect`."""

    FETCH = "fetch"
    STAGE = "stage"
    PREPARE = "prepare"
    STEP = "step"
    MEASURE = "measure"
    REPORT = "report"
    INSPECT = "inspect"
    STORE = "store"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of one stage that came to its end; of a step also its technique."""

    stage: Stage
    seconds: float
    technique: str | None = None


@dataclass(frozen=True, slots=True)
class _Phase:
    stage: Stage
    technique: str | None
    span: Span
    began_s: float


class Timeline:
    """Begins with the claim. `spent` is what has come to its end, in that order; `kills` the
    codes of the limits that ended a child."""

    def __init__(
        self,
        tracer: Tracer,
        claim: Claim,
        take_dropped: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        """`take_dropped` gives the spans lost since it was asked, by why."""
        began_ns = time.time_ns()
        waited = tracer.start_span(
            f"wait {claim.queue.value}",
            context=parent_of(claim.traceparent),
            attributes={"lathe.job.id": claim.fence.job_id},
            start_time=began_ns - int(claim.waited_s * _NS),
        )
        waited.end(began_ns)
        self.spent: list[Spent] = []
        self.kills: list[str] = []
        self.take_dropped = take_dropped
        self.span = attempt_span(
            tracer,
            claim.fence,
            claim.traceparent,
            queue=claim.queue,
            kind=claim.kind,
            project_id=claim.project_id,
            began_ns=began_ns,
        )
        self._tracer = tracer
        self._below = set_span_in_context(self.span, Context())
        self._phase: _Phase | None = None
        self._broken: tuple[Span, int] | None = None  # a step that did not finish, and its end

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """What is done within is that stage of the supervisor's work."""
        span, began_s = self._begun(stage.value), time.perf_counter()
        try:
            yield
        except Exception as error:
            _failed(span, error.code if isinstance(error, Refused) else type(error).__name__)
            raise
        else:
            self.spent.append(Spent(stage, time.perf_counter() - began_s))
        finally:
            span.end()

    @contextmanager
    def child(self, first: Stage) -> Iterator[None]:
        """A child lives within; its first phase is `first`."""
        self.enter(first)
        try:
            yield
        except Exception as error:
            self.leave(error.code if isinstance(error, Refused) else type(error).__name__)
            raise
        self.leave()

    def enter(self, stage: Stage, technique: str | None = None, position: int = 0) -> None:
        """The child is in another phase now; a step that is still open has failed."""
        open_phase = self._phase
        if open_phase is not None and open_phase.stage is Stage.STEP:
            self._broken, self._phase = (open_phase.span, time.time_ns()), None
        self.leave()
        name = stage.value if technique is None else f"step {technique}"
        span = self._begun(name)
        if technique is not None:
            span.set_attribute("lathe.technique", technique)
            span.set_attribute("lathe.step.position", position)
        self._phase = _Phase(stage, technique, span, time.perf_counter())

    def leave(self, code: str | None = None) -> None:
        """The child's phase is over, if it is in one; with `code` it failed."""
        phase, self._phase = self._phase, None
        if phase is None:
            return
        if code is None:
            seconds = time.perf_counter() - phase.began_s
            self.spent.append(Spent(phase.stage, seconds, phase.technique))
        else:
            _failed(phase.span, code)
        phase.span.end()

    def end(self, ending: Ending) -> None:
        """The attempt has ended so, and that is written down."""
        self.leave(ending.code)
        if self._broken is not None:
            span, ended_ns = self._broken
            _failed(span, ending.code or "failed")
            span.end(ended_ns)
        self.span.set_attribute("lathe.attempt.outcome", ending.how)
        if ending.code is not None:
            _failed(self.span, ending.code)
        self.span.end()

    def _begun(self, name: str) -> Span:
        return self._tracer.start_span(name, context=self._below)


def _failed(span: Span, code: str) -> None:
    """A code is all that is told of a failure: its sentence may name what users named."""
    span.set_attribute("error.type", code)
    span.set_status(StatusCode.ERROR)
