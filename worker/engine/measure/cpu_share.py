"""How much of the machine's CPU time went to others during a window of time.

From the first line of /proc/stat (proc(5)): user, nice, system, irq, softirq and steal are
busy; what this process used itself is taken off. In a container the line is the host's.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

STAT = Path("/proc/stat")
BUSY = (0, 1, 2, 5, 6, 7)  # user nice system - - irq softirq steal; 3 is idle, 4 iowait


@dataclass(frozen=True, slots=True)
class CpuMoment:
    """Busy seconds of all cores, this process's CPU seconds and the clock, since some start."""

    busy_s: float
    own_s: float
    clock_s: float

    @classmethod
    def now(cls, stat: Path = STAT) -> Self:
        """Read all three as close together as can be."""
        ticks = stat.read_text().split("\n", 1)[0].split()[1:]
        busy = sum(int(ticks[place]) for place in BUSY) / os.sysconf("SC_CLK_TCK")
        return cls(busy, time.process_time(), time.monotonic())


def others_share(start: CpuMoment, end: CpuMoment, cores: int) -> float:
    """Fraction of all cores' time that others used, in [0, 1]; 0 for an empty window."""
    capacity = (end.clock_s - start.clock_s) * cores
    if capacity <= 0:
        return 0.0
    others = (end.busy_s - start.busy_s) - (end.own_s - start.own_s)
    return min(1.0, max(0.0, others / capacity))
