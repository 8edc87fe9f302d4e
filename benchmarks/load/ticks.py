"""A clock that calls at fixed times, to the microsecond: timers of event loops round up to a
millisecond, which is about what a poll takes."""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

_NS = 1_000_000_000
_ABSOLUTE = 1  # TFD_TIMER_ABSTIME, timerfd_create(2)
_libc = ctypes.CDLL(None, use_errno=True)


class _Spec(ctypes.Structure):
    """struct itimerspec: the interval, then the first time."""

    _fields_ = [
        (name, ctypes.c_long) for name in ("every_s", "every_ns", "first_s", "first_ns")
    ]


class Ticks:
    """Calls `tick` with each planned time (of time.monotonic), late ones too, from now on."""

    def __init__(self, every_s: float, tick: Callable[[float], None]) -> None:
        self._every_ns, self._tick = round(every_s * _NS), tick
        self._next_ns = time.monotonic_ns() + self._every_ns
        self._fd = _libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        spec = _Spec(*divmod(self._every_ns, _NS), *divmod(self._next_ns, _NS))
        if self._fd < 0 or _libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(spec), None):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        asyncio.get_running_loop().add_reader(self._fd, self._ring)

    def _ring(self) -> None:
        for _ in range(int.from_bytes(os.read(self._fd, 8), sys.byteorder)):
            planned_ns, self._next_ns = self._next_ns, self._next_ns + self._every_ns
            self._tick(planned_ns / _NS)
