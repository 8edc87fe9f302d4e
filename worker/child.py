"""The child: one task, behind walls, telling its supervisor over a pipe.

It is born by `worker.zygote` and starts from a fork that has everything loaded. Whatever the
engine refuses, or breaks on, becomes the one last message; a child that dies without one has
crashed.
"""

import fcntl
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lathe.errors import Internal, Refused
from worker.courtesy import stand_back
from worker.engine.measure.locks import TimingLock
from worker.engine.run.refusals import exhausted
from worker.order import LOCK, LOG, PIPE, Order
from worker.orphan import die_with_parent
from worker.sandbox.walls import confine
from worker.wire import (
    TASK,
    Compress,
    Ending,
    InspectDataset,
    InspectModel,
    Message,
    Refusal,
    Said,
)

DONE, BROKEN = 0, 1

Say = Callable[[Message], None]

_STDOUT, _STDERR, _PIPE_FD, _LOCK_FD = 1, 2, 3, 4
_ABOVE, _LAST = 64, 1 << 20


class Perform(Protocol):
    """The engine's one door."""

    def __call__(
        self,
        task: InspectModel | InspectDataset | Compress,
        folder_in: Path,
        folder_out: Path,
        say: Say,
        lock: TimingLock,
    ) -> Ending:
        """Do the task; raises Refused."""
        ...


def run(order: Order, fds: list[int], perform: Perform, zygote_pid: int) -> int:
    """Become the child of this order and return its exit code."""
    os.setsid()
    stand_back(0)  # as before, in the session that is new
    die_with_parent(zygote_pid)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _keep_only(fds)
    _settle(order.folder)
    say = _speaker(_PIPE_FD)
    say(_ending(order, perform, say))
    return DONE


def _keep_only(fds: list[int]) -> None:
    """Make 0 nothing, 1 and 2 the log, 3 the pipe, 4 the timing lock, and close all others."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    sources = (nothing, fds[LOG], fds[LOG], fds[PIPE], fds[LOCK])
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE) for fd in sources]
    for target, copy in enumerate(copies):
        os.dup2(copy, target, inheritable=False)
    os.closerange(len(copies), _LAST)


def _settle(folder: Path) -> None:
    scratch = str(folder / "tmp")
    os.chdir(scratch)
    os.umask(0o077)
    os.environ.update(HOME=scratch, TMPDIR=scratch)
    tempfile.tempdir = scratch  # what was loaded before the fork may have asked for it already


def _speaker(pipe: int) -> Say:
    lock = threading.Lock()

    def say(message: Message) -> None:
        line = memoryview(message.model_dump_json().encode() + b"\n")
        with lock:
            while line:
                line = line[os.write(pipe, line) :]

    return say


def _ending(order: Order, perform: Perform, say: Say) -> Ending:
    try:
        missing = confine(order.policy).missing
        if missing and order.policy.mode != "off":
            say(Said(level="warning", text=f"not confined: {', '.join(missing)}"))
        folder_in, folder_out = order.folder / "in", order.folder / "out"
        task = TASK.validate_json((folder_in / "task.json").read_bytes())
        return perform(task, folder_in, folder_out, say, TimingLock(_LOCK_FD))
    except Refused as refused:
        return Refusal(failure=refused.failure())
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an answer
        return Refusal(failure=_explained(error).failure())


def _explained(error: Exception) -> Refused:
    ran_out = exhausted(error)
    if ran_out is not None:
        return ran_out
    logging.getLogger(__name__).error("the task broke", exc_info=error)
    return Internal(
        f"Lathe made a mistake ({type(error).__name__}); the worker's log has the details. "
        "Trying again unchanged will not help."
    )
