"""What a call is made of, without saying how it is carried out.

A call is a generator. It yields an `Ask` and is sent the response, or a `Pause` and is sent
nothing; it returns the call's result. What went wrong on the way is thrown into it as
`Unreachable` or `Timeout`. A client drives it, with or without `await`.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import httpx

Result = TypeVar("Result")
Told = Callable[[int, int], None]  # bytes so far, bytes in all


@dataclass(frozen=True, slots=True)
class FilePart:
    """`size_bytes` of a file from `start` on, as the body of a request."""

    path: Path
    start: int
    size_bytes: int
    told: Callable[[int], None] | None = None  # the size of each chunk that left


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `again` says that sending it twice does no harm; `into` takes the chunks of
    a body that is too large to hold."""

    method: str
    path: str
    query: Mapping[str, Any] | None = None
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: FilePart | bytes | None = None
    into: Callable[[httpx.Response, bytes], None] | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """Time to let pass, and why."""

    seconds: float
    why: str = ""


Wish: TypeAlias = Ask | Pause
Talk: TypeAlias = Generator[Wish, Any, Result]
