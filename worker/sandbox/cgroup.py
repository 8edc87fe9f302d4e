"""What the control group of this process, such as its container's, says of memory.

cgroup v2: memory.max and memory.events (kernel documentation, admin-guide/cgroup-v2.rst). Where
there is none of them nothing is known, and nothing is limited.
"""

from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def memory_limit_bytes(root: Path = _ROOT, own: str | None = None) -> int | None:
    """What all processes of the group may use together: the least that it or a group above it
    says; None where none does."""
    limits = [_read(place / "memory.max") for place in _upwards(root, own)]
    return min((int(limit) for limit in limits if limit.isdigit()), default=None)


def oom_kills(root: Path = _ROOT, own: str | None = None) -> int:
    """How often the kernel killed for memory in the group; 0 where it cannot be known."""
    events = _read(root / (_own() if own is None else own) / "memory.events")
    counts = dict(line.split() for line in events.splitlines())
    return int(counts.get("oom_kill", 0))


def _upwards(root: Path, own: str | None) -> Iterator[Path]:
    place = root / (_own() if own is None else own)
    yield place
    while place != root and root in place.parents:
        place = place.parent
        yield place


def _own() -> str:
    return _read(Path("/proc/self/cgroup")).rpartition(":")[2].lstrip("/")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
