"""A binary arithmetic coder of 32 bits without carries, in whole numbers.

Probabilities are those of a one, in 65536ths from 1 to 65535. The interval [low, high] is cut
at low + (high - low) p / 65536; leading bytes on which both ends agree are shifted out. (The
carryless coder of M. Mahoney's paq family; the idea is G. N. N. Martin's range coding, 1979.)
"""

from typing import Protocol

TOP = 0xFFFFFFFF


class Bits(Protocol):
    """Where the mixer's bits come from or go to."""

    def bit(self, one: int) -> int:
        """The next bit, whose chance to be a one is `one` / 65536."""


class KnownBits:
    """The bits of tokens that are known: nothing is coded, only learned."""

    def __init__(self) -> None:
        self._token = 0
        self._place = 0

    def expect(self, token: int) -> None:
        """The next eight bits are those of `token`."""
        self._token, self._place = token, 8

    def bit(self, one: int) -> int:  # noqa: ARG002 - known anyway
        """The next bit of the token."""
        self._place -= 1
        return self._token >> self._place & 1


class BitDecoder:
    """Bits out of coded bytes; behind their end it reads zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data + bytes(4)
        self._at = 4
        self._low, self._high = 0, TOP
        self._code = int.from_bytes(self._data[:4], "big")

    def bit(self, one: int) -> int:
        """The next bit, whose chance to be a one was `one` / 65536."""
        low, high = self._low, self._high
        middle = low + ((high - low) * one >> 16)
        if self._code <= middle:
            bit, high = 1, middle
        else:
            bit, low = 0, middle + 1
        while not (low ^ high) >> 24:
            low = low << 8 & TOP
            high = high << 8 & TOP | 0xFF
            fresh = self._data[self._at] if self._at < len(self._data) else 0
            self._code = self._code << 8 & TOP | fresh
            self._at += 1
        self._low, self._high = low, high
        return bit
