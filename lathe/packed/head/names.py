"""Texts that a head need not spell, because they were there before.

Each kind of name has a list of choices, and a name on it is told by its place there:

    READ   values made or read, the latest first: a node mostly reads what was just made
    HELD   values read but not made so far, the oldest first: what tensors and inputs are called
    TOLD   values made, the oldest first
    WORD   the vocabulary, then every word that was spelled, in order
    TEXT, MADE   nothing: these are always spelled
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from lathe.packed.head.messages import Scalar
from lathe.packed.head.vocabulary import VOCABULARY

DIRECT = 249  # choices told by one token; later ones take two
CHOICES = DIRECT + 6 * 256
_KNOWN = {word: place for place, word in enumerate(VOCABULARY)}


class Names:
    """The choices of one head, while it is written or read."""

    def __init__(self) -> None:
        self._recent: list[bytes] = []
        self._open: deque[bytes] = deque()
        self._made: deque[bytes] = deque()
        self._words: list[bytes] = []
        self._known: set[bytes] = set()

    def place(self, kind: Scalar, text: bytes) -> int | None:
        """Where `text` stands among the choices of its kind; None where it must be spelled."""
        if kind is Scalar.WORD and text in _KNOWN:
            return _KNOWN[text]
        try:
            match kind:
                case Scalar.WORD:
                    place = len(VOCABULARY) + self._words.index(text)
                case Scalar.READ:
                    place = self._recent.index(text)
                case Scalar.HELD:
                    place = self._open.index(text, 0, CHOICES)
                case Scalar.TOLD:
                    place = self._made.index(text, 0, CHOICES)
                case _:
                    return None
        except ValueError:
            return None
        return place if place < CHOICES else None

    def choice(self, kind: Scalar, place: int) -> bytes | None:
        """The text at `place`; None where there is none."""
        choices: Sequence[bytes]
        match kind:
            case Scalar.WORD if place < len(VOCABULARY):
                return VOCABULARY[place]
            case Scalar.WORD:
                choices, place = self._words, place - len(VOCABULARY)
            case Scalar.READ:
                choices = self._recent
            case Scalar.HELD:
                choices = self._open
            case Scalar.TOLD:
                choices = self._made
            case _:
                return None
        return choices[place] if place < len(choices) else None

    def note(self, kind: Scalar, text: bytes, place: int | None) -> None:
        """Remember that `text` was told at `place`, or spelled (None)."""
        match kind:
            case Scalar.WORD:
                if place is None and len(VOCABULARY) + len(self._words) < CHOICES:
                    self._words.append(text)
            case Scalar.READ:
                if place is not None:
                    del self._recent[place]
                elif text not in self._known:
                    self._open.append(text)
                self._front(text)
            case Scalar.MADE:
                self._made.append(text)
                self._front(text)
            case Scalar.HELD if place is not None:
                del self._open[place]
            case Scalar.TOLD if place is not None:
                del self._made[place]
            case _:
                pass

    def _front(self, text: bytes) -> None:
        self._known.add(text)
        self._recent.insert(0, text)
        del self._recent[CHOICES:]

    def latest(self, count: int) -> list[bytes]:
        """The names made or read last, the latest first."""
        return list(islice(self._recent, count))
