"""What `celery -A worker.celery_app worker -Q intake -c 1 -P prefork` runs.

The main process takes hints and keeps one pool process; that one claims a job for each hint
and supervises it. It dies with the main process, so a kill -9 leaves nothing behind. On
SIGTERM the running job is handed back to its queue at once; the next worker goes on behind
its last finished step.
"""

import logging
import os
import signal
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from celery import signals
from celery.platforms import SecurityWarning

from app.store.db import sessions, sync_engine
from app.store.queue import claim
from app.store.workers import WorkerFacts
from lathe.states import Queue
from worker.bench import Bench
from worker.broker import TASK, celery_at
from worker.folder import remove_left_overs
from worker.keys import library_versions
from worker.logs import configure
from worker.orphan import die_with_parent
from worker.presence import Presence, memory_bytes
from worker.sandbox import available
from worker.settings import Settings
from worker.supervise import supervise


@dataclass(slots=True)
class _Process:
    """What this process knows of itself; a pool process has a bench."""

    main_pid: int = field(default_factory=os.getpid)
    bench: Bench | None = None


settings = Settings.from_environment()
app = celery_at(settings.broker_url)

_PLEASE_STOP = signal.SIGURG  # ignored by a process that does not listen for it
_STOP_SIGNALS = (signal.SIGTERM, _PLEASE_STOP)

log = logging.getLogger(__name__)
warnings.simplefilter("ignore", SecurityWarning)  # it is about pickle; only JSON is accepted
_this = _Process()


@app.task(name=TASK)  # type: ignore[untyped-decorator] # celery has no types
def look(queue: str) -> None:
    """Claim the best job of `queue`, if there is one, and run it to its end."""
    bench = _bench(f"worker:{os.getpid()}")
    if bench.stopping.is_set():  # the hint is lost; the sweep sends another
        return
    quiet = {number: signal.signal(number, _stop) for number in _STOP_SIGNALS}
    try:
        with bench.sessions.begin() as session:
            claimed = claim(session, Queue(queue), bench.name, settings.lease_s)
        if claimed is not None:
            supervise(claimed, bench)
    finally:
        for number, handler in quiet.items():
            signal.signal(number, handler)


def _bench(name: str) -> Bench:
    if _this.bench is None:
        _this.bench = Bench.set_up(settings, name)
    return _this.bench


def _set_up_logging(**_: object) -> None:
    configure(settings)


def _check_the_machine(**_: object) -> None:
    walls = available()
    log.info("sandbox %s: %s", settings.sandbox, walls)
    if walls.missing or settings.sandbox == "off":
        what = ", ".join(walls.missing) or "it is switched off"
        if settings.sandbox == "required":
            raise SystemExit(f"LATHE_SANDBOX=required, but this machine lacks {what}")
        log.warning("UPLOADED MODELS ARE NOT FULLY CONFINED: %s", what)
    log.info("removed %d left-over job folders", remove_left_overs(settings.work_dir))


def _set_up_pool_process(sender: str, **_: object) -> None:
    die_with_parent(_this.main_pid)
    _bench(f"{sender}:{os.getpid()}")


def _appear(sender: Any, **_: object) -> None:
    queues = sorted(app.amqp.queues.consume_from)
    facts = WorkerFacts(
        name=sender.hostname,
        queues=queues,
        device="cuda" if Queue.GPU in queues else "cpu",
        memory_bytes=memory_bytes(),
        facts={
            "sandbox": {"mode": settings.sandbox, **available().model_dump()},
            "libraries": library_versions(),
            "threads": settings.threads,
        },
    )
    Presence(sessions(sync_engine(settings.database_url, pool_size=1)), facts).start()


def _hand_back(**_: object) -> None:
    """Runs in the main process's signal handler; its only children are pool processes."""
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            os.kill(int(pid), _PLEASE_STOP)


def _stop(_number: int, _frame: FrameType | None) -> None:
    """Runs in a pool process while it is busy: it hands its job back, then goes on idle and
    ends as its main process wants it to."""
    if _this.bench is not None:
        _this.bench.stopping.set()


for _moment, _receiver in (
    (signals.setup_logging, _set_up_logging),
    (signals.worker_init, _check_the_machine),
    (signals.worker_process_init, _set_up_pool_process),
    (signals.worker_ready, _appear),
    (signals.worker_shutting_down, _hand_back),
):
    _moment.connect(_receiver, weak=False)
