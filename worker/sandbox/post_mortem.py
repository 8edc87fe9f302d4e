"""Why a child died without an answer: a limit it hit, or a crash that may be tried again."""

import re
import signal
from dataclasses import dataclass

from lathe.errors import Failure
from worker.order import Died
from worker.sandbox import caps
from worker.sandbox.walls import Policy

_NEARLY = 0.9  # of the address space: the rest is code and what was not touched yet
_ALLOCATION_FAILED = re.compile(r"bad_alloc|allocate memory|MemoryError")


@dataclass(frozen=True, slots=True)
class Crash:
    """Nothing that the job is known to be guilty of."""

    cause: str


def post_mortem(
    died: Died, policy: Policy, log_tail: str, *, oom_killed: bool
) -> Failure | Crash:
    """Judge a child's end by its exit status, its peak memory and its last words.

    `oom_killed` tells whether the kernel killed for memory in this worker's cgroup meanwhile.
    """
    number = -died.exit
    full = died.max_rss_bytes >= _NEARLY * policy.memory_bytes
    gave_up = number == signal.SIGABRT and _ALLOCATION_FAILED.search(log_tail) is not None
    if gave_up or (number in {signal.SIGKILL, signal.SIGSEGV} and full):
        return caps.out_of_memory(policy).failure()
    if number == signal.SIGKILL and oom_killed:
        return caps.worker_out_of_memory(policy).failure()
    # who ignores SIGXCPU gets SIGKILL a little later
    overran = number == signal.SIGKILL and died.cpu_s >= policy.cpu_s
    if number == signal.SIGXCPU or overran:
        return caps.out_of_cpu(policy).failure()
    if number == signal.SIGXFSZ:
        return caps.file_too_large(policy).failure()
    return Crash(_named(died.exit))


def _named(exit_status: int) -> str:
    if exit_status >= 0:
        return f"it ended with status {exit_status} and no answer"
    try:
        return f"it died of {signal.Signals(-exit_status).name}"
    except ValueError:
        return f"it died of signal {-exit_status}"
