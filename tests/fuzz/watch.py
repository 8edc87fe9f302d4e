"""What is counted while one process fuzzes, in a file that outlives a crash."""

import json
import mmap
import resource
import struct
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

_COUNTS = struct.Struct(
    "<5Q"
)  # executions, accepted, slowest in CPU ns, resident KB at first, at most
COUNTS, FINDINGS, SLOWEST = "counts", "findings", "slowest"
_SHOWN_BYTES = 4096


class Watch:
    """Executions, the slowest input, memory, and each kind of finding once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / COUNTS).open("w+b") as file:
            file.truncate(_COUNTS.size)
            self._counts = mmap.mmap(file.fileno(), _COUNTS.size)
        self._findings = (folder / FINDINGS).open("a")
        self._known = set[str]()
        self._executions, self._accepted, self._slowest_ns, self._first_kb = 0, 0, 0, 0

    def begin(self) -> int:
        """An input comes; the CPU time until now, in ns."""
        if not self._first_kb:
            self._first_kb = _peak_kb()
        return time.process_time_ns()

    def end(self, begun_ns: int, data: bytes, *, accepted: bool) -> float:
        """It was read, or refused; how many seconds of CPU that took."""
        took_ns = time.process_time_ns() - begun_ns
        self._executions += 1
        self._accepted += accepted
        if took_ns > self._slowest_ns:
            self._slowest_ns = took_ns
            (self._folder / SLOWEST).write_bytes(data)
        counted = self._executions, self._accepted, self._slowest_ns, self._first_kb
        _COUNTS.pack_into(self._counts, 0, *counted, _peak_kb())
        return took_ns / 1e9

    def found(self, error: BaseException, data: bytes) -> None:
        """Something other than a refusal came out; kept once for each place it comes from."""
        where = _where(error.__traceback__)
        kind = f"{type(error).__name__} at {where}"
        if kind in self._known:
            return
        self._known.add(kind)
        told = {
            "kind": kind,
            "said": str(error)[:500],
            "input": data[:_SHOWN_BYTES].hex(),
            "trace": traceback.format_exception(error)[-12:],
        }
        self._findings.write(json.dumps(told) + "\n")
        self._findings.flush()


def counts(folder: Path) -> dict[str, Any]:
    """What a process counted in this folder."""
    told = _COUNTS.unpack((folder / COUNTS).read_bytes())
    executions, accepted, slowest_ns, first_kb, most_kb = told
    return {
        "executions": executions,
        "accepted": accepted,
        "slowest_ms": round(slowest_ns / 1e6, 1),
        "grown_mb": round((most_kb - first_kb) / 1024, 1),
    }


def findings(folder: Path) -> list[dict[str, Any]]:
    """Every kind of finding, with the first input of each."""
    return [json.loads(line) for line in (folder / FINDINGS).read_text().splitlines()]


def _where(trace: TracebackType | None) -> str:
    """The innermost line of the project's own, by function."""
    found = "?"
    for frame, line in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        if "site-packages" not in file and "/tests/fuzz/" not in file:
            found = f"{Path(file).name}:{frame.f_code.co_name}:{line}"
    return found


def _peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
