"""The host-wide timing lock: whoever times holds it alone, other heavy work shares it.

`flock` on a descriptor that the supervisor opened for this child, so a killed child's hold
ends with it. Long shared work calls `breathe` often; that is when a waiting timing gets in.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

BREATHS_APART_S = 0.25
BREATH_S = 0.004
POLL_S = 0.0005  # several looks in one breath of another process


class TimingLock:
    """Without a descriptor every call succeeds at once: there is nobody to agree with."""

    def __init__(self, fd: int | None = None) -> None:
        self._fd = fd
        self._shares = False
        self._breathed = time.monotonic()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Work that others may work beside; waits while somebody times."""
        self._take_shared()
        try:
            yield
        finally:
            self._release()

    def breathe(self) -> None:
        """Let a waiting timing go first; cheap, and does nothing outside `shared`."""
        now = time.monotonic()
        if self._fd is None or not self._shares or now - self._breathed < BREATHS_APART_S:
            return
        self._release()
        time.sleep(BREATH_S)
        self._take_shared()

    @contextmanager
    def exclusive(self, timeout_s: float) -> Iterator[bool]:
        """Alone on the machine, as far as Lathe's own work goes; yields whether that was
        obtained within `timeout_s`. Raises RuntimeError inside `shared`."""
        if self._shares:
            raise RuntimeError(
                "a shared hold cannot become exclusive: others may want the same"
            )
        obtained = self._take_alone(timeout_s)
        try:
            yield obtained
        finally:
            if obtained:
                self._release()

    def _take_shared(self) -> None:
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_SH)
        self._shares = True
        self._breathed = time.monotonic()

    def _take_alone(self, timeout_s: float) -> bool:
        if self._fd is None:
            return True
        end = time.monotonic() + timeout_s
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    return False
                time.sleep(POLL_S)
            else:
                return True

    def _release(self) -> None:
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._shares = False
