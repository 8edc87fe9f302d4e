"""JSON lines from a child that may be hostile: bounded, finite, and of known shape."""

import json
import math
import os
from typing import Any

from pydantic import ValidationError

from worker.wire import MESSAGE, Message

MAX_LINE_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20


class Garbled(Exception):  # noqa: N818 - reads as the sentence it carries
    """The child said something that is no message."""


class Lines:
    """The reading end of a child's pipe. `closed` once the child let go of it."""

    def __init__(self, pipe: int) -> None:
        os.set_blocking(pipe, False)
        self._pipe = pipe
        self._rest = bytearray()
        self.closed = False

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
        return [message(bytes(line)) for line in lines]


def message(line: bytes) -> Message:
    """Parse one line; raises Garbled.

    NaN, infinities and NUL characters are refused too: no database column takes them.
    """
    if b"\\u0000" in line:
        raise Garbled("a text with a NUL character")
    try:
        value = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        return MESSAGE.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Garbled(f"a message that is wrong at {where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Garbled(f"a line that is no JSON: {error}") from error


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large")
    return number
