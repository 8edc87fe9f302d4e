"""One customer: what it brings, what it knows, and where it stops to be torn."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from tests.chaos import wares

_PIECE_BYTES = 1 << 18
_TORN_FOR_AT_MOST_S = 20.0


@dataclass(slots=True)
class Tear:
    """A moment at which a customer stops until the campaign has done something to its door.

    "upload": half of the body is sent. "submit": the request is about to be sent.
    """

    at: Literal["upload", "submit"]
    door: str
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def stop_here(self) -> None:
        """Tell that the moment has come, and wait; only the first time."""
        if not self.reached.is_set():
            self.reached.set()
            self.go_on.wait(_TORN_FOR_AT_MOST_S)


@dataclass(slots=True)
class Chain:
    """What a customer knows. `failures` are ends that were retried, as they invited to."""

    number: int
    tear: Tear | None = None
    model_id: str = ""
    job_id: str = ""
    failures: list[str] = field(default_factory=list)
    broke: str = ""

    def model(self) -> bytes:
        """What it uploads."""
        torn = self.tear is not None and self.tear.at == "upload"
        return wares.large_model(self.number) if torn else wares.model(self.number)

    def body(self, data: bytes) -> bytes | Iterator[bytes]:
        """The upload's bytes, in two pieces when it is to be torn."""
        if self.tear is None or self.tear.at != "upload":
            return data
        return self._in_two(self.tear, data)

    def _in_two(self, tear: Tear, data: bytes) -> Iterator[bytes]:
        half = len(data) // 2
        for start in range(0, half, _PIECE_BYTES):
            yield data[start : min(half, start + _PIECE_BYTES)]
        tear.stop_here()
        yield data[half:]
