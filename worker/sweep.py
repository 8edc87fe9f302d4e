"""`python -m worker.sweep`: repeat jobs whose worker went silent, re-send hints, delete what
was doomed. Any number of copies may run; rows decide who does what.
"""

import logging
import signal
import threading
import time
from types import FrameType

from celery import Celery
from kombu.exceptions import OperationalError as BrokerDown
from opentelemetry.trace import NoOpTracer, StatusCode, Tracer
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.store.db import Sessions, sessions, sync_engine
from app.store.fleet import Fleet, muster
from app.store.preflight import preflight
from app.store.queue import Lapse, reap, take_hints
from app.store.routing import explain, reroute
from app.store.traces import tracing
from app.store.traces.attempts import attempt_span
from app.store.trouble import database_trouble
from lathe.states import Queue
from worker.bench import open_objects
from worker.broker import TASK, celery_at
from worker.keep_settings import KeepSettings
from worker.logs import configure
from worker.rounds import Rounds
from worker.settings import Settings
from worker.upkeep import Upkeep

_GRACE_S = 10.0  # a worker asks for a database that is away at least every five

log = logging.getLogger(__name__)


class Sweep:
    """One copy of the sweep. A database or broker that is away is met again next time."""

    def __init__(
        self,
        sessions: Sessions,
        broker: Celery,
        settings: Settings,
        upkeep: Upkeep,
        tracer: Tracer | None = None,
    ) -> None:
        self._sessions = sessions
        self._broker = broker
        self._settings = settings
        self._upkeep = upkeep
        self._tracer = tracer or NoOpTracer()
        self._reap_at_s = float("-inf")
        self._away = False
        self._grace_s = min(_GRACE_S, settings.lease_s)

    def once(self) -> bool:
        """One round: leases, routes, hints, and now and then what nobody needs any more.

        False when it met something that was away.
        """
        try:
            self._reap()
            self._route()
            for queue in Queue:
                self._hint(queue)
            self._upkeep.some()
        except SQLAlchemyError as error:
            trouble = database_trouble(error)
            if trouble is None:
                raise
            self._away = True
            log.warning("this round of the sweep failed: %s", trouble.detail)
            return False
        except (BrokerDown, OSError) as error:
            why = f"{type(error).__name__}: {error}".partition("\n")[0]
            log.warning("this round of the sweep failed: %s", why)
            return False
        return True

    def _reap(self) -> None:
        """Repeat jobs whose lease is over, unless the database has only just come back: then
        no worker could renew one, and those that live do it within seconds."""
        if self._away:
            with self._sessions() as session:
                session.connection(execution_options={"read_only": True})
                session.execute(select(1))
            self._away, self._reap_at_s = False, time.monotonic() + self._grace_s
        if time.monotonic() < self._reap_at_s:
            return
        with self._sessions.begin() as session:
            reaped = reap(session)
        for lapse in reaped:
            self._tell(lapse)
        if reaped:
            log.warning("%d jobs whose worker went silent", len(reaped))

    def _tell(self, lapse: Lapse) -> None:
        """End the span that the silent worker did not."""
        span = attempt_span(
            self._tracer,
            lapse.fence,
            lapse.traceparent,
            queue=lapse.queue,
            kind=lapse.kind,
            project_id=lapse.project_id,
            began_ns=int(lapse.began.timestamp() * 1e9),
        )
        span.set_attribute("lathe.attempt.outcome", "lapsed")
        span.set_attribute("error.type", "lapsed")
        span.set_status(StatusCode.ERROR)
        span.end()

    def _route(self) -> None:
        """Let no job wait in vain where another queue would do, and say what it waits for."""
        with self._sessions.begin() as session:
            fleet = Fleet.of(session.execute(muster()))
            moved = reroute(session, fleet, self._settings.reroute_s)
            explain(session, fleet, self._settings.limits)
        if moved:
            log.warning("%d jobs moved to a queue that is served", moved)

    def _hint(self, queue: Queue) -> None:
        """Ask for workers, once the rows say so; a hint that is lost is due again later."""
        waiting = self._waiting(queue)
        with self._sessions.begin() as session:
            due = take_hints(session, queue, waiting, self._settings.rehint_s)
        for _ in range(due):
            self._broker.send_task(
                TASK, args=[queue.value], queue=queue.value, retry=False, ignore_result=True
            )

    def _waiting(self, queue: Queue) -> int:
        """How many hints lie in the broker's queue; raises BrokerDown."""
        with self._broker.connection_for_write() as connection:
            try:
                with connection.channel() as channel:
                    declared = channel.queue_declare(queue=queue.value, passive=True)
            except connection.channel_errors:  # there is no such queue: nothing waits
                return 0
            except connection.connection_errors as error:  # each transport has its own
                raise BrokerDown(str(error)) from error
            return int(declared.message_count)


def main() -> None:
    """Sweep until SIGTERM or Ctrl-C."""
    settings, keep = Settings.from_environment(), KeepSettings.from_environment()
    configure(settings)
    preflight(settings)
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    opened = sessions(sync_engine(settings.database_url))
    rounds = Rounds(opened, "sweep")
    upkeep = Upkeep(opened, open_objects(settings), keep)
    traces = tracing(settings, "lathe-sweep")
    sweep = Sweep(opened, celery_at(settings.broker_url), settings, upkeep, traces.tracer)
    while not stop.is_set():
        rounds.count(failed=not sweep.once())
        stop.wait(settings.sweep_s)
    rounds.end()
    traces.end()


if __name__ == "__main__":
    main()
