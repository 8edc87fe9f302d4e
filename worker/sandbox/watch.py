"""Kills a child at the first cap it breaks that the kernel has no limit for.

    every 50 ms   threads; memory (a child on a GPU has no RLIMIT_AS, see docs/decisions)
    every second  bytes and number of its files, if adding them up takes a twentieth of that

It runs in a thread of the supervisor, whose main thread may be writing to a slow store for
minutes. What is left between two looks is what a child can do in so short a time.
"""

import logging
import os
import select
import signal
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from lathe.errors import ResourceExhausted
from worker.folder import JobFolder
from worker.sandbox import caps
from worker.sandbox.occupied import Unmeasurable, occupied
from worker.sandbox.vitals import vitals, vitals_of_session
from worker.sandbox.walls import Policy, available

LOOK_S = 0.05
MEASURE_S = 1.0
_IDLE = 20  # times as long as measuring took

log = logging.getLogger(__name__)


class Watch:
    """Of one child, from its birth until the block ends. `broken` is the cap that it was killed
    for, or None."""

    def __init__(self, pid: int, policy: Policy, folder: JobFolder) -> None:
        self._pid = pid
        self._policy = policy
        self._folder = folder
        self._alone = policy.mode != "off" and available().seccomp
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._measure_at_s = time.monotonic() + MEASURE_S
        self.broken: ResourceExhausted | None = None

    def __enter__(self) -> Self:
        """Raises what keeps it from watching: then the child must not go on."""
        try:
            handle = os.pidfd_open(self._pid)
        except ProcessLookupError:  # it has ended already
            return self
        thread = threading.Thread(
            target=self._keep_watch, args=(handle,), name="watch", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # this worker may have no more threads
            os.close(handle)
            raise
        self._thread = thread
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def measured(self) -> ResourceExhausted | None:
        """The cap that the child's files break, if they do; a dead child's as well."""
        policy, folder, began_s = self._policy, self._folder, time.monotonic()
        try:
            found = occupied(folder.path, folder.inside, self._pid, policy.folder_files)
        except Unmeasurable as error:
            return caps.unreadable_folder(str(error))
        now_s = time.monotonic()
        self._measure_at_s = now_s + max(MEASURE_S, _IDLE * (now_s - began_s))
        if found.files > policy.folder_files:
            return caps.too_many_files(policy)
        if found.size_bytes > policy.folder_bytes:
            return caps.folder_too_large(policy)
        return None

    def _keep_watch(self, handle: int) -> None:
        watched = False
        try:
            self.broken = self._first_broken(handle)
            watched = self.broken is None
        finally:
            if not watched:  # nor does a child go on whose watch has broken down
                self._kill(handle)
            os.close(handle)

    def _first_broken(self, handle: int) -> ResourceExhausted | None:
        """The first cap that the child breaks; None when it ends before."""
        look = vitals if self._alone else vitals_of_session
        while not self._over.wait(LOOK_S):
            alive = look(self._pid)
            if alive is not None and alive.threads > self._policy.threads:
                return caps.too_many_threads(self._policy)
            if alive is not None and alive.memory_bytes > self._policy.memory_bytes:
                return caps.out_of_memory(self._policy)
            if time.monotonic() >= self._measure_at_s:
                broken = self.measured()
                if broken is not None:
                    return broken
            if _has_ended(handle):  # the kernel alone is asked: threads come and go
                return None
        return None

    def _kill(self, handle: int) -> None:
        log.warning("child %d is killed: %s", self._pid, self.broken)
        if not self._alone:
            with suppress(ProcessLookupError):  # it leads no group yet, or has just ended
                os.killpg(self._pid, signal.SIGKILL)
        with suppress(ProcessLookupError):  # it has just ended
            signal.pidfd_send_signal(handle, signal.SIGKILL)


def _has_ended(handle: int) -> bool:
    """Whether all threads of the process have (pidfd_open(2))."""
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(0))
