"""How much memory a file needs to be opened and run.

The growth of this process's resident memory from just before the file is opened to the
highest point while it is opened and run once. Where the kernel lets the high-water mark
(VmHWM, proc(5)) be reset it is exact; inside the sandbox it is not, and a thread that looks
every half millisecond may miss a shorter peak. Memory that was freed before is handed back to
the system first, or it would be used again unseen. What the process itself needs, Python and
the libraries, is not counted: it is the same for every file.
"""

import ctypes
import gc
import threading
from contextlib import suppress
from pathlib import Path

from lathe.report import Measurement
from worker.engine.context import Arrays
from worker.engine.session import open_session, run

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
RESET_PEAK = "5"
LOOK_S = 0.0005
KIB = 1024


def peak_memory(model: Path, inputs: Arrays, *, threads: int = 1) -> Measurement:
    """`peak_memory_bytes` of opening `model` and running it once on `inputs`.

    It is opened and run once before, unmeasured: the first time loads parts of the runtime.
    """
    run(open_session(model, threads=threads, as_deployed=True), inputs)
    _hand_back()
    resettable = _reset_peak()
    before = _status_bytes("VmRSS")
    watch = _Watch()
    with watch:
        session = open_session(model, threads=threads, as_deployed=True)
        run(session, inputs)
    peak = _status_bytes("VmHWM") if resettable else watch.highest
    return Measurement(metric="peak_memory_bytes", value=max(0, peak - before), unit="bytes")


class _Watch:
    """The highest resident memory while it is entered."""

    def __init__(self) -> None:
        self.highest = _status_bytes("VmRSS")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self.highest = max(self.highest, _status_bytes("VmRSS"))
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            self.highest = max(self.highest, _status_bytes("VmRSS"))


def _reset_peak() -> bool:
    with suppress(OSError):
        CLEAR_REFS.write_text(RESET_PEAK)
        return True
    return False


def _hand_back() -> None:
    """Give freed memory to the system where the C library can (glibc's malloc_trim)."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status_bytes(field: str) -> int:
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * KIB
    raise LookupError(f"/proc/self/status has no {field}")
