"""What a living child takes of the machine, as the kernel counts it.

Memory is what only this child can give back: anonymous and shared pages, swapped or not
(proc(5): RssAnon, RssShmem, VmSwap). Pages of mapped files are not counted, the kernel takes
those back itself. A kernel that does not tell them apart, such as gVisor's, is asked for both.

The first thread of a process may end before the others (pthread_exit(3)). It is a zombie then,
/proc/<pid> has nothing to tell, and one of the others is asked: /proc/<pid>/task/<tid>.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_KIB = 1024
_MEMORY = ("RssAnon", "RssShmem", "VmSwap")
_ALL_MEMORY = ("VmRSS",)


@dataclass(frozen=True, slots=True)
class Vitals:
    """Of one process, or of several added up."""

    memory_bytes: int
    threads: int

    def __add__(self, other: Self) -> "Vitals":
        return Vitals(self.memory_bytes + other.memory_bytes, self.threads + other.threads)


def vitals(pid: int) -> Vitals | None:
    """Of the process alone; None when it is gone or a zombie."""
    for place in _threads(pid):
        fields = _status(place)
        if "VmSize" in fields:
            names = _MEMORY if _MEMORY[0] in fields else _ALL_MEMORY
            kib = sum(int(fields[name].split()[0]) for name in names)
            return Vitals(kib * _KIB, int(fields["Threads"]))
    return None


def living_thread(pid: int) -> Path | None:
    """Where /proc tells of a thread that has not ended; None when the process has none."""
    return next((place for place in _threads(pid) if "VmSize" in _status(place)), None)


def vitals_of_session(pid: int) -> Vitals | None:
    """Of every process in the session that `pid` leads: where no wall keeps it alone."""
    found = [each for member in _session(pid) if (each := vitals(member)) is not None]
    return sum(found[1:], start=found[0]) if found else None


def _threads(pid: int) -> Iterator[Path]:
    """The process itself, which stands for its first thread, then all of them."""
    process = Path(f"/proc/{pid}")
    yield process
    try:
        yield from (process / "task").iterdir()
    except (FileNotFoundError, ProcessLookupError):
        return


def _status(thread: Path) -> dict[str, str]:
    """A thread that has ended has no memory any more: nothing in it begins with Vm or Rss."""
    try:
        status = (thread / "status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":", 1) for line in status.splitlines() if ":" in line)


def _session(leader: int) -> list[int]:
    return [
        int(process.name)
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and _session_id(process) == leader
    ]


def _session_id(process: Path) -> int | None:
    try:
        stat = (process / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[3])  # state, ppid, pgrp, session
