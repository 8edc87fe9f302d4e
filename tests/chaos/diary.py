"""The diary of a campaign: every fault, its moment and its effect."""

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

_CROWDED = 3.0  # processes a CPU


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that was done to the service. `missed` faults found nobody to hurt."""

    at_s: float
    kind: str
    effect: str
    missed: bool
    load: float = field(default_factory=lambda: os.getloadavg()[0])  # of the last minute


@dataclass(slots=True)
class Diary:
    """Times are seconds since the campaign began; any thread may write."""

    path: Path
    began_s: float = field(default_factory=time.monotonic)
    began_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    entries: list[Entry] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def now_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began_s

    def did(self, kind: str, effect: str) -> None:
        """A fault hit."""
        self._add(Entry(self.now_s(), kind, effect, missed=False))

    def missed(self, kind: str, why: str) -> None:
        """A fault found nobody, or could not be made here."""
        self._add(Entry(self.now_s(), kind, why, missed=True))

    def say(self, text: str) -> None:
        """A line that is no fault."""
        self._write(f"{self.now_s():8.2f} s  {text}")

    def crowded(self, at_s: float) -> bool:
        """Whether more than three processes a CPU wanted to run around that moment."""
        nearest = min(self.entries, key=lambda entry: abs(entry.at_s - at_s))
        return nearest.load > _CROWDED * len(os.sched_getaffinity(0))

    def lately(self, kinds: tuple[str, ...], within_s: float) -> bool:
        """Whether a fault of these kinds hit within so many seconds."""
        since_s = self.now_s() - within_s
        return any(e.kind in kinds and e.at_s > since_s for e in self.entries)

    def hits(self, kind: str) -> int:
        """How many faults of a kind hit."""
        return sum(entry.kind == kind and not entry.missed for entry in self.entries)

    def _add(self, entry: Entry) -> None:
        self.entries.append(entry)
        mark = "missed: " if entry.missed else ""
        self._write(f"{entry.at_s:8.2f} s  {entry.kind:<22} {mark}{entry.effect}")

    def _write(self, line: str) -> None:
        with self._lock, self.path.open("a") as file:
            file.write(line + "\n")
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
