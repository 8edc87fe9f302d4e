"""Asking for tokens: numbers and spelled texts, each with the contexts that tell most of it."""

from lathe.errors import CorruptPacked
from lathe.packed.head.mixer import mixed
from lathe.packed.head.tokens import Tokens
from lathe.packed.head.wire import MOST_VARINT_BYTES
from lathe.packed.varint import varint

MOST_SPELLED = 4096  # bytes of a text
NUMBERS, TEXTS = 1, 2  # kinds of token that a whole field of contexts may share
_NO_GUESS = 256


def ask_number(
    tokens: Tokens, kind: int, contexts: tuple[int, int, int, int], likely: int | None = None
) -> int:
    """A number below 2**70, seven bits a token, the lowest first; a set bit 7 goes on.

    `likely` is what it may well be. Raises CorruptPacked where it does not end.
    """
    a, b, c, d = contexts
    guess = b"" if likely is None else varint(likely)
    number, before = 0, mixed(kind)
    for place in range(MOST_VARINT_BYTES):
        expected = guess[place] if place < len(guess) else _NO_GUESS
        token = tokens.take(
            kind,
            (
                (kind, before),
                (a, before),
                (b, before, 1),
                (c, before, 2),
                (d, before, 3),
                (kind, expected, a),
            ),
        )
        if token != expected:
            guess = b""
        number |= (token & 0x7F) << 7 * place
        if token < 0x80:  # noqa: PLR2004 - the bit that says: more follows
            return number
        before = mixed(before, token)
    raise CorruptPacked("a number in the head has no end")


def ask_text(tokens: Tokens, kind: int, field: int, place: int, guess: bytes) -> bytes:
    """Bytes up to a zero, which is not among them.

    `guess` is a text that this one may resemble: it is followed from its start, taken up again
    at the start of each word while nothing of it was met. Raises CorruptPacked for a text
    beyond MOST_SPELLED.
    """
    text = bytearray()
    prefix, last, earlier, older = mixed(field), 0, 0, 0
    at, run = 0, 0
    while len(text) <= MOST_SPELLED:
        expected = guess[at] if at < len(guess) else 0
        followed = expected << 2 | min(run, 3)
        token = tokens.take(
            kind,
            (
                (prefix,),
                (prefix, place, expected),
                (field, followed),
                (last, earlier),
                (last, earlier, older, expected),
                (field, last, followed),
            ),
        )
        if not token:
            return bytes(text)
        text.append(token)
        if token == expected:
            at, run = at + 1, run + 1
        elif run or token in b"_/.:":
            again = guess.find(token, at) + 1
            at, run = (again or len(guess), 0) if run else (0, 0)
        prefix = mixed(prefix, token)
        last, earlier, older = token, last, earlier
    raise CorruptPacked("a text in the head has no end")
