"""A job stands back where others want the processor: the API and the database of a small host.

A process's nice value is a share against the other processes of its own session alone wherever
Linux groups them by session (sched(7), "The autogroup feature"), and a job's process leads a
session. So the group is told the same.

The last value, 19, also makes the process idle in the kernel's words (SCHED_IDLE): it runs
where nobody else wants to, and whoever wakes up need not wait for the end of its slice.
"""

import errno
import logging
import os
import time
from pathlib import Path

_AUTOGROUP = Path("/proc/self/autogroup")
_TRIES = 5
_LAST = 19
_PAUSE_S = 0.12  # somebody without rights may change one such group of the host in 0.1 s

log = logging.getLogger(__name__)


def stand_back(nice: int) -> None:
    """Give this process, its session and what it starts from now on this nice value, unless it
    has a higher one. A new session begins at none again: ask for 0 there to keep what it has.
    """
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    if nice > mine:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    if max(nice, mine) > 0:
        _tell_group(max(nice, mine))
    if nice == _LAST:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _tell_group(nice: int) -> None:
    for _ in range(_TRIES):
        try:
            _AUTOGROUP.write_text(str(nice))
        except FileNotFoundError:  # this kernel does not group by session
            return
        except OSError as error:
            if error.errno != errno.EAGAIN:
                log.warning("the session keeps its share of the processor: %s", error)
                return
            time.sleep(_PAUSE_S)
        else:
            return
    log.warning("the session keeps its share of the processor: too many changes on this host")
