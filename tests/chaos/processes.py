"""Looking at processes through /proc: families, what they do, whether they are gone."""

import ctypes
import os
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that none can hide."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def descendants(pid: int) -> list[int]:
    """Every living descendant of a process, parents before children."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:  # it has just ended
        return []
    return [each for child in children for each in (child, *descendants(child))]


def alive(pid: int) -> bool:
    """Whether a process runs or sleeps; a zombie does neither."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command(pid: int) -> str:
    """A process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def job_of(pid: int) -> tuple[str, int] | None:
    """The job and attempt whose folder a process works in: only a job's child does."""
    try:
        folder = Path(f"/proc/{pid}/cwd").readlink().parent.name
    except OSError:
        return None
    job_id, _, rest = folder.partition("-")
    if not job_id.startswith("job_"):
        return None
    return job_id, int(rest.partition("-")[0])


def gone_within(pids: list[int], seconds: float) -> list[int]:
    """Wait for processes to end; returns those that did not."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
