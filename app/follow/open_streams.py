"""How many event streams each project has open in this process, and that they are not too many.

A stream is an open file of the process and some memory, whether or not anybody is left at its
other end: a client that vanished without a word is noticed after a quarter of an hour.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lathe.errors import TooManyStreams


class OpenStreams:
    """Of one process; `most` of one project."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def place(self, project_id: str) -> Iterator[None]:
        """One of the project's places, until the block ends; raises TooManyStreams."""
        if self._open[project_id] >= self._most:
            raise TooManyStreams(
                f"the project has {self._most} event streams open here; close some, or ask "
                "with ?wait=30 instead"
            )
        self._open[project_id] += 1
        try:
            yield
        finally:
            self._open[project_id] -= 1
            if not self._open[project_id]:
                del self._open[project_id]
