"""The API asks the kernel for short turns on the processor, so that it gets them sooner.

Linux lets a process that woke up wait until the one that runs has had its slice, at the worst
until the next tick (4 ms at 250 Hz), however low that one's nice value. A request takes a tenth
of that. Since Linux 6.12 a process may name a shorter slice of its own (`sched_runtime` of
sched_setattr(2)); it then goes before one with a longer slice, and gets no more time in all.
Older kernels take the call and do nothing.
"""

import ctypes
import logging
import os
import platform
import struct

SLICE_NS = 100_000  # the shortest that there is
_SET = {"x86_64": 314, "aarch64": 274}  # the call's number
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # sched_setattr(2): size to period, in its order
_libc = ctypes.CDLL(None, use_errno=True)

log = logging.getLogger(__name__)


def take_short_slices() -> None:
    """For this thread and those that it starts; the nice value stays as it is.

    Nothing happens on another kind of processor, or to a process that was given a scheduling
    policy other than the usual one. A refusal costs milliseconds, and is logged.
    """
    number = _SET.get(platform.machine())
    if number is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0)
    if _libc.syscall(ctypes.c_long(number), 0, attributes, 0):
        log.info("no short slices: %s", os.strerror(ctypes.get_errno()))
