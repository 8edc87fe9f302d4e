"""A binary range coder in whole numbers.

The chance p of a one is in 65536ths, 1 to 65535. The state is a range of 32 bits and where
the code lies in it:

    bound = (range >> 16) * p
    one:   code < bound,  range = bound
    zero:  code -= bound, range -= bound
    while range < 2**24: both are shifted by 8 bits, the next byte comes into code

The first four bytes, the highest first, are the code at the beginning, the range is
2**32 - 1. Behind the end of the bytes come four zeros, no more.
Martin, "Range encoding: an algorithm for removing redundancy from a digitised message", 1979.
"""

from dataclasses import dataclass
from typing import Protocol

from lathe.errors import CorruptPacked

WIDEST = (1 << 32) - 1
NARROWEST = 1 << 24
EVEN = 1 << 15  # the chance of a bit that nothing is known about
MOST_WORK = 3 << 18  # bits of one file, or what takes as long: microseconds each


@dataclass
class Work:
    """How much may still be done bit by bit: all streams of a file share one."""

    left: int = MOST_WORK


class Bits(Protocol):
    """Where bits come from, or go to."""

    def bit(self, chance: int) -> int:
        """The next bit, a one with a chance of `chance` / 65536."""

    def spend(self, work: int) -> None:
        """Take note of something that takes as long as `work` bits."""


class BinaryDecoder:
    """The bits that were coded into some bytes."""

    def __init__(self, data: memoryview, work: Work | None = None) -> None:
        self._data = bytes(data) + bytes(4)
        self._code = int.from_bytes(self._data[:4], "big")
        self._range = WIDEST
        self._at = 4
        self._work = work or Work()

    def bit(self, chance: int) -> int:
        """The next bit; raises CorruptPacked behind the end or when no work is left."""
        bound = (self._range >> 16) * chance
        self._work.left -= 1
        if self._code < bound:
            bit, width = 1, bound
        else:
            bit, width = 0, self._range - bound
            self._code -= bound
        while width < NARROWEST:
            if self._at >= len(self._data) or self._work.left < 0:
                raise CorruptPacked("the bits have no end, or are too many")
            width <<= 8
            self._code = self._code << 8 | self._data[self._at]
            self._at += 1
        self._range = width
        return bit

    def spend(self, work: int) -> None:
        """Take note of something that takes as long as `work` bits; may raise CorruptPacked."""
        self._work.left -= work
        if self._work.left < 0:
            raise CorruptPacked("the bits are too many")

    def close(self) -> None:
        """Raises CorruptPacked unless the bytes were all needed and the bits not too many."""
        if self._at < len(self._data) - 4 or self._work.left < 0:
            raise CorruptPacked("the bits do not end with the bytes")


def number(bits: Bits, width: int) -> int:
    """A number of `width` bits about which nothing is known, the highest bit first."""
    found = 0
    for _ in range(width):
        found = found << 1 | bits.bit(EVEN)
    return found
