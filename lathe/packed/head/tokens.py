"""The tokens of a head, one by one: bytes whose meaning the one who asks knows."""

from typing import Protocol

from lathe.errors import CorruptPacked
from lathe.packed.head.mixer import Bits, Contexts, Mixer


class Tokens(Protocol):
    """Where a head's tokens come from."""

    def take(self, kind: int, contexts: Contexts) -> int:
        """The next token, 0 to 255; kind and contexts help to guess it."""


class PlainTokens:
    """Tokens that lie there as bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, kind: int, contexts: Contexts) -> int:  # noqa: ARG002 - nothing to guess
        """The next byte; raises CorruptPacked behind the last."""
        if self._at >= len(self._data):
            raise CorruptPacked("the head ends too early")
        self._at += 1
        return self._data[self._at - 1]

    def ended(self) -> bool:
        """Whether every byte was taken."""
        return self._at == len(self._data)


class MixedTokens:
    """Tokens out of bits whose chances the mixer tells, at most so many."""

    def __init__(self, mixer: Mixer, bits: Bits, most: int) -> None:
        self._mixer = mixer
        self._bits = bits
        self._left = most

    def take(self, kind: int, contexts: Contexts) -> int:
        """The next token; raises CorruptPacked when there were too many."""
        if not self._left:
            raise CorruptPacked("the head has more tokens than its coding allows")
        self._left -= 1
        return self._mixer.token(kind, contexts, self._bits)
