"""Everything a fault needs: the stack, the crew, the customers, dice, and ends to come."""

import heapq
import itertools
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.books import Books
from tests.chaos.crew import Crew
from tests.chaos.customers import Customers
from tests.chaos.diary import Diary
from tests.chaos.stack import Stack

_TICK_S = 0.02


@dataclass(slots=True)
class Arena:
    """One campaign. Only its main thread starts, hurts and mends."""

    stack: Stack
    crew: Crew
    customers: Customers
    books: Books
    diary: Diary
    dice: random.Random
    shot: set[str] = field(default_factory=set)  # jobs whose child was killed
    broken: set[str] = field(default_factory=set)  # parts that are down at the moment
    _endings: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def later(self, seconds: float, ending: Callable[[], None]) -> None:
        """Undo a fault in so many seconds."""
        due_s = time.monotonic() + seconds
        heapq.heappush(self._endings, (due_s, next(self._numbers), ending))

    def breaks(self, part: str, kind: str) -> bool:
        """Whether `part` was whole; it counts as broken from now on. If not, note the miss."""
        if part in self.broken:
            self.diary.missed(kind, f"{part} is broken already")
            return False
        self.broken.add(part)
        return True

    def mended(self, part: str, seconds: float, mend: Callable[[], None]) -> None:
        """Mend a broken part in so many seconds."""

        def ending() -> None:
            mend()
            self.broken.discard(part)

        self.later(seconds, ending)

    def pause(self, seconds: float) -> None:
        """Wait, carrying out the endings that fall due."""
        until_s = time.monotonic() + seconds
        while True:
            while self._endings and self._endings[0][0] <= time.monotonic():
                heapq.heappop(self._endings)[2]()
            if time.monotonic() >= until_s:
                return
            time.sleep(_TICK_S)

    def calm(self) -> None:
        """Wait until every fault that has an end is over."""
        while self._endings:
            self.pause(_TICK_S)

    def seek(
        self, found: Callable[[], tuple[int, str, int] | None], within_s: float
    ) -> tuple[int, str, int] | None:
        """Ask until something is found or the time is up."""
        deadline = time.monotonic() + within_s
        while (what := found()) is None and time.monotonic() < deadline:
            self.pause(0)
            time.sleep(0.005)
        return what
