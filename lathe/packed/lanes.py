"""Interleaved range asymmetric numeral systems (rANS), decoded as vectors.

Duda, "Asymmetric numeral systems", arXiv:1311.2540; interleaving: Giesen, arXiv:1402.3392.
Token number i belongs to lane i % lanes. A lane's state x is in [2**16, 2**32):

    slot = x % 4096;  token = the one with start <= slot < start + frequency
    x    = frequency * (x // 4096) + slot - start
    x    = x * 65536 + next word    while x < 2**16 (at most once)

Lanes take words of 16 bits in their order, one token of every lane after another. The writer
begins with every state 2**16, so the reader must end there: that is the check.
"""

import numpy as np
from numpy.typing import NDArray

from lathe.errors import CorruptPacked
from lathe.packed.frequencies import PRECISION, TOTAL

LOWEST = 1 << 16  # of a state
MOST_STEPS = 1 << 16  # beyond one for each run: bounds the time that few lanes take
BLOCK = 64  # steps looked up at once


def lookup(tables: NDArray[np.int64]) -> NDArray[np.uint32]:
    """(tables * 4096,): token | slot - start << 8 | frequency - 1 << 20 of each table and slot.

    `tables` (tables, tokens) are frequencies; each row sums to 4096 or is zero (never used).
    """
    entries = np.zeros((len(tables), TOTAL), np.uint32)
    for entry, table in zip(entries, tables, strict=True):
        if table.any():
            token = np.repeat(np.arange(len(table)), table)
            start = np.cumsum(table) - table
            entry[:] = token | np.arange(TOTAL) - start[token] << 8 | table[token] - 1 << 20
    return entries.ravel()


def further_steps(tokens: int, lanes: int) -> int:
    """How many steps beyond the first a run of `tokens` takes."""
    return max(-(-tokens // lanes) - 1, 0)


class Lanes:
    """The states of the lanes and the words still to come."""

    def __init__(self, data: memoryview, lanes: int) -> None:
        """`data`: a u32 for each lane, then u16 words; raises CorruptPacked."""
        if len(data) < 4 * lanes:
            raise CorruptPacked(f"{len(data)} bytes for {lanes} lanes")
        self.states = np.frombuffer(data[: 4 * lanes], "<u4").astype(np.uint32)
        rest = data[4 * lanes :]
        self.words = np.frombuffer(rest[: len(rest) // 2 * 2], "<u2").astype(np.uint32)
        self.used = 0
        self._steps = 0

    def admit(self, tokens: int) -> None:
        """A run of so many tokens begins: more than few lanes carry in time are refused."""
        self._steps += further_steps(tokens, len(self.states))
        if self._steps > MOST_STEPS:
            raise CorruptPacked(f"too many tokens for {len(self.states)} lanes")

    def take(
        self, contexts: NDArray[np.uint8], entries: NDArray[np.uint32]
    ) -> NDArray[np.uint8]:
        """The next `len(contexts)` tokens; contexts[i] is the table of token i."""
        lanes = len(self.states)
        tokens = np.empty(len(contexts), np.uint8)
        for first in range(0, len(contexts), lanes * BLOCK):
            some = contexts[first : first + lanes * BLOCK]
            bases = some.astype(np.intp) << PRECISION
            found = np.empty(len(some), np.uint32)
            for at in range(0, len(some), lanes):
                self._step(bases[at : at + lanes], entries, found[at : at + lanes])
            tokens[first : first + len(some)] = found  # the low 8 bits
        return tokens

    def _step(
        self, bases: NDArray[np.intp], entries: NDArray[np.uint32], found: NDArray[np.uint32]
    ) -> None:
        """One token of each of the first `len(bases)` lanes; its entry goes to `found`."""
        states = self.states[: len(bases)]
        bases += states & TOTAL - 1
        entries.take(bases, out=found, mode="clip")  # in range as it is: the fast mode
        states >>= PRECISION
        states *= (found >> 20) + np.uint32(1)
        states += found >> 8 & TOTAL - 1
        low = (states < LOWEST).nonzero()[0]
        words = self.words[self.used : self.used + len(low)]
        if len(words) < len(low):
            raise CorruptPacked("the words end before the tokens")
        states[low] = states[low] << np.uint32(16) | words
        self.used += len(low)

    def close(self) -> int:
        """The bytes used in all; raises CorruptPacked unless every lane ended as it began."""
        if (self.states != LOWEST).any():
            raise CorruptPacked("the lanes do not end where they began")
        return 4 * len(self.states) + 2 * self.used
