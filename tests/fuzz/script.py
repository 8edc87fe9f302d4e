"""The bytes of an input as a script: small numbers and pieces, taken from the front."""


class Script:
    """Reads on past the end as zeros, so that every input means something."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that were not taken yet."""
        return len(self._data) - self._at

    def byte(self) -> int:
        """The next byte."""
        at = self._at
        self._at = at + 1
        return self._data[at] if at < len(self._data) else 0

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1, of up to 65536."""
        drawn = self.byte()
        if count > 256:
            drawn |= self.byte() << 8
        return drawn % count

    def number(self, width: int) -> int:
        """An unsigned number of `width` bytes."""
        return int.from_bytes(self.take(width), "little")

    def take(self, count: int) -> bytes:
        """The next `count` bytes, or fewer at the end."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def piece(self) -> bytes:
        """Up to 255 bytes, as many as the next byte says."""
        return self.take(self.byte())

    def rest(self) -> bytes:
        """All that was not taken."""
        taken = self._data[self._at :]
        self._at = len(self._data)
        return taken
