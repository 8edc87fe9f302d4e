"""What `celery -A worker.celery_app worker -Q intake -c 1 -P prefork` runs.

The main process takes hints and keeps one pool process for each slot; that one claims a job
for each hint and supervises it. It dies with the main process, so a kill -9 leaves nothing
behind.

SIGTERM or Ctrl-C: no new job is taken, a running one may go on for LATHE_DRAIN_S and is then
handed back to its queue; the next worker goes on behind its last finished step. The second
signal hands back at once.
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
from app.store.preflight import preflight, unusable_folder
from app.store.queue import Claim, claim
from app.store.turns import Takes
from app.store.workers import WorkerFacts
from lathe import __version__, spec_version
from lathe.errors import OutOfDisk, Unavailable
from lathe.states import Queue
from worker.bench import Bench
from worker.broker import TASK, celery_at
from worker.folder import remove_left_overs
from worker.keys import library_versions
from worker.logs import configure
from worker.orphan import die_with_parent
from worker.patience import Patience
from worker.presence import Presence, memory_bytes
from worker.sandbox.walls import available, lacking
from worker.settings import Settings
from worker.signer import Signer
from worker.supervise import supervise


@dataclass(slots=True)
class _Process:
    """What this process knows of itself; a pool process has a bench, the main one a row."""

    main_pid: int = field(default_factory=os.getpid)
    bench: Bench | None = None
    presence: Presence | None = None
    asked: bool = False


settings = Settings.from_environment()
app = celery_at(settings.broker_url)

_PLEASE_STOP = signal.SIGURG  # ignored by a process that does not listen for it
_ROW_CLOSED_WITHIN_S = 2.0

log = logging.getLogger(__name__)
warnings.simplefilter("ignore", SecurityWarning)  # it is about pickle; only JSON is accepted
_this = _Process()


@app.task(name=TASK)  # type: ignore[untyped-decorator] # celery has no types
def look(queue: str) -> None:
    """Claim the best job of `queue`, if there is one, and run it to its end."""
    bench = _bench(f"worker:{os.getpid()}")
    idle = signal.signal(signal.SIGTERM, _stop)  # for the whole group: it ends an idle process
    try:
        if bench.drain.begun:  # the hint is lost; the sweep sends another
            return
        claimed = _claimed(bench, Queue(queue))
        if claimed is not None:
            supervise(claimed, bench)
    finally:
        signal.signal(signal.SIGTERM, idle)


def _claimed(bench: Bench, queue: Queue) -> Claim | None:
    """The job to run, if there is one. A database that is away is waited for, as nothing else
    could be done meanwhile."""
    limits = settings.limits
    takes = Takes(running_per_project=limits.running(queue), gpu_minutes=limits.gpu_minutes)

    def once() -> Claim | None:
        with bench.sessions.begin() as session:
            return claim(session, queue, bench.name, settings.lease_s, takes)

    wait = Patience(within_s=0.0, given_up=lambda: bench.drain.begun)
    try:
        return wait(f"looking at queue {queue}", once)
    except (Unavailable, OutOfDisk):  # and this worker is to stop; the sweep hints again
        return None


def _bench(name: str) -> Bench:
    if _this.bench is None:
        _this.bench = Bench.set_up(settings, name)
    return _this.bench


def _set_up_logging(**_: object) -> None:
    configure(settings)


def _check_the_machine(**_: object) -> None:
    configure(settings)  # Celery asks for it a little later
    preflight(settings)
    why = unusable_folder(settings.work_dir)
    if why is not None:
        raise SystemExit(f"LATHE_WORK_DIR: {why}")
    log.info("sandbox %s: %s", settings.sandbox, available())
    what = ", ".join(lacking(settings.sandbox))
    if what and settings.sandbox == "required":
        raise SystemExit(f"LATHE_SANDBOX=required, but this machine lacks {what}")
    if what:
        log.warning("UPLOADED MODELS ARE NOT FULLY CONFINED: %s", what)
    log.info("removed %d left-over job folders", remove_left_overs(settings.work_dir))


def _check_the_key(**_: object) -> None:
    """Make it, or end the start with a sentence. Inspections hand nothing over to sign."""
    if set(app.amqp.queues.consume_from) <= {Queue.INTAKE}:
        return
    try:
        log.info("manifests are signed with key %s", Signer(settings.signing_key_file).ready())
    except Unavailable as error:
        raise SystemExit(f"LATHE_SIGNING_KEY_FILE: {error.detail}") from error


def _set_up_pool_process(sender: str, **_: object) -> None:
    die_with_parent(_this.main_pid)
    if remove_left_overs(settings.work_dir):
        log.info("removed the job folder of a pool process that was killed")
    _bench(f"{sender}:{os.getpid()}")
    signal.signal(_PLEASE_STOP, _stop)


def _appear(sender: Any, **_: object) -> None:
    signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))  # Celery's second is rude
    queues = sorted(app.amqp.queues.consume_from)
    facts = WorkerFacts(
        name=sender.hostname,
        queues=queues,
        device="cuda" if Queue.GPU in queues else "cpu",
        memory_bytes=memory_bytes(),
        slots=sender.controller.concurrency,
        release=__version__,
        spec_oldest=spec_version.OLDEST,
        spec_newest=spec_version.NEWEST,
        facts={
            "sandbox": {
                "mode": settings.sandbox,
                **available().model_dump(),
                "missing": list(lacking(settings.sandbox)),
            },
            "libraries": library_versions(),
            "threads": settings.threads,
        },
    )
    _this.presence = Presence(sessions(sync_engine(settings.database_url, pool_size=1)), facts)
    _this.presence.start()


def _begin_to_stop(**_: object) -> None:
    """Runs in the main process's signal handler; its only children are pool processes."""
    if _this.presence is not None:
        _this.presence.leave()
    for task in Path("/proc/self/task").iterdir():
        for pid in (task / "children").read_text().split():
            os.kill(int(pid), _PLEASE_STOP)


def _disappear(**_: object) -> None:
    if _this.presence is not None:
        _this.presence.wait(_ROW_CLOSED_WITHIN_S)


def _tell_the_last(**_: object) -> None:
    if _this.bench is not None:
        _this.bench.tracing.end()


def _stop(number: int, _frame: FrameType | None) -> None:
    """Runs in a pool process, and only the main process sends `_PLEASE_STOP`: for the first
    signal of people and again for the second. A SIGTERM that the whole group got is one of
    these, and comes here only while this process is busy."""
    if _this.bench is None:
        return
    drain = _this.bench.drain
    if number == _PLEASE_STOP and _this.asked:
        drain.hasten()
    drain.begin()
    _this.asked = _this.asked or number == _PLEASE_STOP


for _moment, _receiver in (
    (signals.setup_logging, _set_up_logging),
    (signals.worker_init, _check_the_machine),
    (signals.celeryd_after_setup, _check_the_key),
    (signals.worker_process_init, _set_up_pool_process),
    (signals.worker_process_shutdown, _tell_the_last),
    (signals.worker_ready, _appear),
    (signals.worker_shutting_down, _begin_to_stop),
    (signals.worker_shutdown, _disappear),
):
    _moment.connect(_receiver, weak=False)
