"""What a transfer does to the process that serves it: memory, processor, and how long
everybody else waits."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.transfer.wire import exchange

_TICKS_A_S = os.sysconf("SC_CLK_TCK")
_MEMORY_EVERY_S = 0.02
_HEALTH_EVERY_S = 0.05
_RESET_PEAK = "5"  # proc_pid_clear_refs(5)


@dataclass(slots=True)
class Watched:
    """`anon_growth_bytes` is of RssAnon as sampled, `peak_growth_bytes` of VmHWM, both over
    what they were when the watch began; `waits_s` are those of `/healthz`."""

    cpu_s: float = 0.0
    anon_growth_bytes: int = 0
    peak_growth_bytes: int = 0
    waits_s: list[float] = field(default_factory=list)

    @property
    def growth_bytes(self) -> int:
        """The larger of the two."""
        return max(self.anon_growth_bytes, self.peak_growth_bytes)


@contextmanager
def watching(pid: int, url: str | None = None) -> Iterator[Watched]:
    """Watch a process until the block ends; with `url` ask its `/healthz` all the while."""
    watched, over = Watched(), threading.Event()
    Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK)
    before, cpu_before_s = _status(pid), _cpu_s(pid)

    def sample() -> None:
        while not over.wait(_MEMORY_EVERY_S):
            growth = _status(pid)["RssAnon"] - before["RssAnon"]
            watched.anon_growth_bytes = max(watched.anon_growth_bytes, growth)

    def knock() -> None:
        while not over.wait(_HEALTH_EVERY_S):
            watched.waits_s.append(exchange(f"{url}/healthz", "GET").seconds)

    threads = [threading.Thread(target=work) for work in ([sample, knock] if url else [sample])]
    for thread in threads:
        thread.start()
    try:
        yield watched
    finally:
        over.set()
        for thread in threads:
            thread.join()
        watched.cpu_s = _cpu_s(pid) - cpu_before_s
        watched.peak_growth_bytes = _status(pid)["VmHWM"] - before["VmRSS"]


def quiet_disk() -> None:
    """Wait until what was written before is on the disk, so that it is in nobody's way."""
    os.sync()
    time.sleep(0.2)


def _status(pid: int) -> dict[str, int]:
    fields = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        f[0].rstrip(":"): int(f[1]) * 1024
        for f in fields
        if f[0] in {"RssAnon:", "VmRSS:", "VmHWM:"}
    }


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_S
