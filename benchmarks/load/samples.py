"""The memory and open files of the API, second by second."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.api.server import cpu_s
from benchmarks.rss import Lookout, status_bytes

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The API at one moment of time.monotonic."""

    at_s: float
    rss_bytes: int
    anonymous_bytes: int
    files: int
    cpu_s: float
    waited_s: float  # its main thread was ready to run, but every core was taken


class Samples(Lookout):
    """Of one process, while entered. A process that ends is missed in what follows."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid, EVERY_S)
        self.taken: list[Sample] = []
        self.gone = False

    def look(self) -> None:
        """Now."""
        proc = Path(f"/proc/{self.root}")
        try:
            status = (proc / "status").read_text()
            files = len(list((proc / "fd").iterdir()))
            used_s, waited_s = cpu_s(self.root), _waited_s(self.root)
        except (FileNotFoundError, ProcessLookupError):
            self.gone = True
            return
        rss, anonymous = (status_bytes(status, name) for name in ("VmRSS", "RssAnon"))
        now_s = time.monotonic()
        self.taken.append(Sample(now_s, rss, anonymous, files, used_s, waited_s))

    def within(self, begin_s: float, end_s: float) -> Sequence[Sample]:
        """Those of that time."""
        return [each for each in self.taken if begin_s <= each.at_s < end_s]


@dataclass(frozen=True, slots=True)
class Flatness:
    """A loaded time in tenths (minutes of ten): its second one and its last one, medians."""

    early_bytes: float
    late_bytes: float

    @property
    def allowed_bytes(self) -> float:
        """3 % and 4 MB above the early figure."""
        return 1.03 * self.early_bytes + 4e6


def _waited_s(pid: int) -> float:
    """Of /proc/<pid>/schedstat: ns on a core, ns in a queue for one, turns."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def flatness(samples: Sequence[Sample]) -> Flatness:
    """Of RssAnon over those samples, oldest first."""
    tenth = max(1, len(samples) // 10)
    early, late = samples[tenth : 2 * tenth], samples[-tenth:]
    return Flatness(
        median(each.anonymous_bytes for each in early),
        median(each.anonymous_bytes for each in late),
    )
