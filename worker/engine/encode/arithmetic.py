"""The writing half of lathe.packed.head.arithmetic."""

from lathe.packed.head.arithmetic import TOP, KnownBits


class BitEncoder(KnownBits):
    """Codes the bits of the tokens it is told to expect."""

    def __init__(self) -> None:
        super().__init__()
        self._low, self._high = 0, TOP
        self._out = bytearray()

    def bit(self, one: int) -> int:
        """The next bit of the token, whose chance to be a one is `one` / 65536, now coded."""
        bit = super().bit(one)
        low, high = self._low, self._high
        middle = low + ((high - low) * one >> 16)
        if bit:
            high = middle
        else:
            low = middle + 1
        while not (low ^ high) >> 24:
            self._out.append(low >> 24)
            low = low << 8 & TOP
            high = high << 8 & TOP | 0xFF
        self._low, self._high = low, high
        return bit

    def finish(self) -> bytes:
        """All bytes: as few as a decoder, which reads zeros behind them, needs."""
        for size_bytes in range(5):
            unit = 1 << 32 - 8 * size_bytes
            value = -(-self._low // unit) * unit
            if value <= self._high:
                end = (value >> 32 - 8 * size_bytes).to_bytes(size_bytes, "big")
                return (bytes(self._out) + end).rstrip(b"\0")
        raise AssertionError("four bytes tell every number between both ends")
