"""The writing half of lathe.packed.binary."""

from collections.abc import Iterable

from lathe.packed.binary import NARROWEST, WIDEST


class BinaryEncoder:
    """Codes the bits of a script: whoever asks for a bit gets the next one of it.

    So the reader of a matrix writes it, and there is one model, not two that must agree.
    """

    def __init__(self, script: Iterable[int]) -> None:
        self._script = iter(script)
        self._low, self._range = 0, WIDEST
        self._out = bytearray()
        self.work = 0

    def bit(self, chance: int) -> int:
        """The next bit of the script, a one with a chance of `chance` / 65536, now coded."""
        bit = next(self._script)
        self.work += 1
        bound = (self._range >> 16) * chance
        if bit:
            width = bound
        else:
            width = self._range - bound
            self._low += bound
            if self._low > WIDEST:
                self._low &= WIDEST
                self._carry()
        while width < NARROWEST:
            self._out.append(self._low >> 24)
            self._low = self._low << 8 & WIDEST
            width <<= 8
        self._range = width
        return bit

    def spend(self, work: int) -> None:
        """Take note of something that takes as long as `work` bits."""
        self.work += work

    def size_bytes(self) -> int:
        """The bytes so far."""
        return len(self._out)

    def finish(self) -> bytes:
        """All bytes: as few as tell the last range from its surroundings."""
        size_bytes, value = 0, 0
        while value < self._low or value >= self._low + self._range:
            size_bytes += 1
            unit = 1 << 32 - 8 * size_bytes
            value = -(-self._low // unit) * unit
        if value > WIDEST:
            self._carry()
        return bytes(self._out) + (value & WIDEST).to_bytes(4, "big")[:size_bytes]

    def _carry(self) -> None:
        place = len(self._out) - 1
        while self._out[place] == 0xFF:  # noqa: PLR2004 - the last byte
            self._out[place] = 0
            place -= 1
        self._out[place] += 1
