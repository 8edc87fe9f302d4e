"""What a living child takes of the machine, as the kernel counts it.

Memory is what only this child can give back: anonymous and shared pages, swapped or not
(proc(5): RssAnon, RssShmem, VmSwap). Pages of mapped files are not counted, the kernel takes
those back itself.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

_KIB = 1024
_MEMORY = ("RssAnon", "RssShmem", "VmSwap")


@dataclass(frozen=True, slots=True)
class Vitals:
    """Of one process, or of several added up."""

    memory_bytes: int
    threads: int

    def __add__(self, other: Self) -> "Vitals":
        return Vitals(self.memory_bytes + other.memory_bytes, self.threads + other.threads)


def vitals(pid: int) -> Vitals | None:
    """Of the process alone; None when it is gone or a zombie."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "RssAnon" not in fields:  # a zombie has no memory any more
        return None
    kib = sum(int(fields[name].split()[0]) for name in _MEMORY)
    return Vitals(kib * _KIB, int(fields["Threads"]))


def vitals_of_session(pid: int) -> Vitals | None:
    """Of every process in the session that `pid` leads: where no wall keeps it alone."""
    found = [each for member in _session(pid) if (each := vitals(member)) is not None]
    return sum(found[1:], start=found[0]) if found else None


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
