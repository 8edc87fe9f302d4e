"""One parser of what strangers send, and how it is fuzzed: a file of `targets/` makes one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lathe.errors import Refused


@dataclass(frozen=True, slots=True)
class Target:
    """`one_input` gives the parser some bytes; only `refusals` may come out of it.

    `seeds` are inputs to begin with, made by code; `words` are what a mutation would not hit
    on by itself. No input is of more than `longest` bytes.
    """

    parses: str
    one_input: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]
    refusals: tuple[type[BaseException], ...] = (Refused,)
    words: tuple[bytes, ...] = ()
    longest: int = 1024
