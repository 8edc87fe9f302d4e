"""JSON lines from a child that may be hostile: bounded, finite, and of known shape."""

import json
import math
import os
import re
import time
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from worker.wire import (
    MESSAGE,
    DatasetInspected,
    Entered,
    Message,
    ModelInspected,
    Progressed,
    StepFinished,
    StepStarted,
    TrainingSaved,
)

MAX_LINE_BYTES = 64 << 20
MAX_VALUES = 2_000_000  # of one line: an empty list takes 2 bytes there and 60 in memory
MESSAGES_PER_S = 2000  # more than any honest child says
_BURST_S = 1.0
_CHUNK_BYTES = 1 << 20
_LARGEST_INT = (1 << 63) - 1  # that a column takes
_SURROGATE = re.compile(rb"(?<!\\)(?:\\\\)*\\u[dD][89a-fA-F]")  # half a character, as an escape
_MOST_BYTES: dict[type[Message], int] = {  # what is written to the database again and again
    Progressed: 8 << 10,
    Entered: 8 << 10,
    StepStarted: 8 << 10,
    TrainingSaved: 8 << 10,
    StepFinished: 16 << 20,
    ModelInspected: 8 << 20,  # and read for every page of a list
    DatasetInspected: 8 << 20,
}


class Garbled(Exception):  # noqa: N818 - reads as the sentence it carries
    """The child said something that is no message."""


class Lines:
    """The reading end of a child's pipe. `closed` once the child let go of it.

    A child that says more than MESSAGES_PER_S is not read for a while, `rest_s`: its pipe is
    full then, and it waits instead of keeping its supervisor busy.
    """

    def __init__(self, pipe: int, clock: Callable[[], float] = time.monotonic) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._clock = clock
        self._rest = bytearray()
        self._paid_until_s = float("-inf")
        self.closed = False

    @property
    def rest_s(self) -> float:
        """How long to leave the pipe alone."""
        return max(0.0, self._paid_until_s - self._clock() - _BURST_S)

    def fileno(self) -> int:
        """The pipe, for poll."""
        return self._pipe

    def read(self) -> list[Message]:
        """The messages that are complete by now, none if nothing came; raises Garbled."""
        chunk = b""
        while not self.closed and b"\n" not in chunk:
            try:
                chunk = os.read(self._pipe, _CHUNK_BYTES)
            except BlockingIOError:
                return []
            self.closed = not chunk
            self._rest += chunk
            if len(self._rest) > MAX_LINE_BYTES:
                raise Garbled(f"a line of more than {MAX_LINE_BYTES} bytes")
        *lines, self._rest = self._rest.split(b"\n")
        begun_s = max(self._paid_until_s, self._clock())
        self._paid_until_s = begun_s + len(lines) / MESSAGES_PER_S
        return [message(bytes(line)) for line in lines]


def message(line: bytes) -> Message:
    """Parse one line; raises Garbled.

    NaN, infinities, very large integers, NUL characters and halves of characters are refused
    too: no database column takes them.
    """
    if b"\\u0000" in line:
        raise Garbled("a text with a NUL character")
    if _SURROGATE.search(line):
        raise Garbled("a text with half a character")
    if line.count(b",") + line.count(b"[") + line.count(b"{") > MAX_VALUES:
        raise Garbled(f"a message of more than {MAX_VALUES} values")
    try:
        value = json.loads(
            line.decode(), parse_constant=_refuse, parse_float=_finite, parse_int=_storable
        )
        said = MESSAGE.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Garbled(f"a message that is wrong at {where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Garbled(f"a line that is no JSON: {error}") from error
    most_bytes = _MOST_BYTES.get(type(said), MAX_LINE_BYTES)
    if len(line) > most_bytes:
        raise Garbled(f"a message {said.kind} of more than {most_bytes} bytes")
    return said


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _storable(text: str) -> int:
    number = int(text)
    if abs(number) > _LARGEST_INT:
        raise ValueError(f"{text[:30]} is too large")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
