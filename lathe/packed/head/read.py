"""The skeleton of an ONNX file out of the tokens of a head.

The tokens of one message: for each field, in the order of the file, a token with its number
and then its value; a zero ends the message. So lengths need no tokens: the file's own ones,
in as few bytes as they take, come back from what is inside. What could not come back like
this is a run of VERBATIM bytes or, when it is long, a CUT of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from lathe.errors import CorruptPacked
from lathe.packed.dtypes import size_of
from lathe.packed.head.ask import ask_number, ask_text
from lathe.packed.head.messages import (
    DATA_TYPE,
    DEEPEST,
    DIMS,
    FIELDS,
    FIXED32,
    VARINT,
    Message,
    Scalar,
)
from lathe.packed.head.mixer import Contexts, mixed
from lathe.packed.head.names import DIRECT, Names
from lathe.packed.head.plan import Skeleton
from lathe.packed.head.read_plan import PlanReader
from lathe.packed.head.tokens import Tokens
from lathe.packed.head.wire import key, opening, unfolded
from lathe.packed.varint import varint

END, CUT, VERBATIM = 0, 254, 255
MOST_VERBATIM = 1024  # bytes of one run
# kinds of token; those below are Message's own numbers: which field comes next
NUMBER, FLOAT, PLACE, SPELL, RUN = 32, 64, 72, 88, 104
_NAME, _OP_TYPE = 3, 4  # in NODE


def read_skeleton(tokens: Tokens, most_bytes: int) -> Skeleton:
    """The file that the tokens tell, its tensors cut out; raises CorruptPacked, also where it
    would be larger than `most_bytes`."""
    return _Reader(tokens, most_bytes).message(Message.MODEL, 0, 0)


@dataclass(slots=True)
class _Frame:
    """One message on the way, and what helps to guess its next token."""

    message: Message
    word: int  # what the owner is, later the last word inside
    piece: Skeleton = field(default_factory=Skeleton)
    before: int = 0  # the number of the last field
    earlier: int = 0  # of the last one that had another number
    count: int = 0  # fields of this number directly before
    value: int = 0  # the last number
    dims: list[int] = field(default_factory=list)
    data_type: int = 0

    def step(self, number: int) -> None:
        if number == self.before:
            self.count += 1
        else:
            self.before, self.earlier, self.count = number, self.before, 0


class _Reader:
    def __init__(self, tokens: Tokens, most_bytes: int) -> None:
        self._tokens = tokens
        self._left = most_bytes
        self._names = Names()
        self._plans = PlanReader(tokens)
        self._operators = (0, 0)  # the last two
        self._node = 0  # what the node at hand is made of so far
        self._made = b""  # the last name made
        self._spelled: dict[int, bytes] = {}  # the last text spelled in a place
        self._first_dim = 0  # of the tensor before
        self._places = (0, 0)  # of the last two texts
        self._values: dict[Scalar, Callable[[_Frame, int, int], None]] = {
            Scalar.NUMBER: self._number,
            Scalar.FLOAT: self._float,
            Scalar.DATA: self._data,
        }

    def message(self, message: Message, depth: int, above: int) -> Skeleton:
        """All of one message; `above` tells where it lies."""
        if depth > DEEPEST:
            raise CorruptPacked("messages lie too deep inside each other")
        frame, fields = _Frame(message, above), FIELDS[message]
        if message is Message.NODE:
            self._node = 0
        while (number := self._field(frame)) != END:
            frame.step(number)
            if number >= CUT:
                self._run(frame, number)
                continue
            kind = fields.get(number)
            if kind is None:
                raise CorruptPacked(f"the head names a field {number} that is not known")
            place = mixed(message, number)
            if isinstance(kind, Message):
                inner = self.message(kind, depth + 1, mixed(place, frame.word))
                self._put(frame, opening(number, inner.size_bytes))
                frame.piece.append(inner)
            elif kind in self._values:
                self._values[kind](frame, number, place)
            else:
                text = self._text(frame, kind, number, place)
                self._put(frame, opening(number, len(text)) + text)
        if message is Message.TENSOR and frame.dims:
            self._first_dim = frame.dims[0]
        return frame.piece

    def _put(self, frame: _Frame, data: bytes) -> None:
        self._spend(len(data))
        frame.piece.wire += data

    def _spend(self, size_bytes: int) -> None:
        self._left -= size_bytes
        if self._left < 0:
            raise CorruptPacked("the head makes a larger file than it declares")

    def _field(self, frame: _Frame) -> int:
        message, before, count, word = frame.message, frame.before, frame.count, frame.word
        return self._tokens.take(
            message,
            (
                (message, before),
                (message, before, count),
                (message, before, count, word),
                (message, before, frame.earlier, word),
                (message, before, count, frame.value),
                (message, before, self._node, self._operators[0]),
            ),
        )

    def _number(self, frame: _Frame, number: int, place: int) -> None:
        count, word, value = frame.count, frame.word, frame.value
        contexts = (
            mixed(place, count),
            mixed(place, count, word),
            mixed(place, value),
            mixed(place, word, value, count),
        )
        likely = None
        if frame.message is Message.TENSOR and number == DIMS:
            likely = self._first_dim << 1  # folded
        folded = ask_number(self._tokens, NUMBER + frame.message, contexts, likely)
        if folded >> 64:
            raise CorruptPacked("a number in the head is beyond 64 bits")
        value = unfolded(folded)
        frame.value = folded
        self._put(frame, key(number, VARINT) + varint(value))
        if frame.message is Message.TENSOR and number == DIMS:
            frame.dims.append(value)
        elif frame.message is Message.TENSOR and number == DATA_TYPE:
            frame.data_type = value

    def _float(self, frame: _Frame, number: int, place: int) -> None:
        data = bytearray()
        for index in range(4):
            before = mixed(index, *data)
            data.append(
                self._tokens.take(
                    FLOAT,
                    (
                        (index,),
                        (before,),
                        (place, before),
                        (place, frame.word, before),
                        (place, frame.word, frame.count, before),
                        (place, frame.value, before),
                    ),
                )
            )
        frame.value = mixed(*data)
        self._put(frame, key(number, FIXED32) + data)

    def _data(self, frame: _Frame, number: int, place: int) -> None:
        dims = tuple(frame.dims)
        size_bytes = size_of(frame.data_type, dims)
        if size_bytes is None:
            raise CorruptPacked("a tensor whose size its type and shape do not tell")
        self._put(frame, opening(number, size_bytes))
        self._spend(size_bytes)
        for cut in self._plans.cuts(size_bytes, frame.data_type, dims, place):
            frame.piece.cut(cut)

    def _run(self, frame: _Frame, number: int) -> None:
        place = mixed(frame.message, number)
        size_bytes = ask_number(self._tokens, NUMBER + 31, (place, 0, 0, 0))
        self._spend(size_bytes)
        if number == CUT:
            for cut in self._plans.cuts(size_bytes, 0, (size_bytes,), place):
                frame.piece.cut(cut)
            return
        if size_bytes > MOST_VERBATIM:
            raise CorruptPacked(f"a run of {size_bytes} bytes in the head")
        wire, last, earlier = frame.piece.wire, 0, 0
        for index in range(size_bytes):
            token = self._tokens.take(
                RUN,
                (
                    (last,),
                    (last, earlier),
                    (place, index),
                    (place, index, last),
                    (place, last, earlier),
                    (),
                ),
            )
            wire.append(token)
            last, earlier = token, last

    def _text(self, frame: _Frame, kind: Scalar, number: int, place: int) -> bytes:
        """A text, told by its place among the choices of its kind or spelled."""
        ordinal = self._place(frame, kind, place)
        spot = mixed(place, min(frame.count, 3))
        if ordinal is None:
            is_name = frame.message is Message.NODE and number == _NAME
            guess = self._made if is_name else self._guess(frame, kind, spot)
            text = ask_text(self._tokens, SPELL + kind - Scalar.TEXT, place, spot, guess)
            self._spelled[spot] = text
        else:
            chosen = self._names.choice(kind, ordinal)
            if chosen is None:
                raise CorruptPacked("the head names a text that was not there before")
            text = chosen
        self._names.note(kind, text, ordinal)
        self._remember(frame, kind, number, text, spelled=ordinal is None)
        return text

    def _place(self, frame: _Frame, kind: Scalar, place: int) -> int | None:
        if kind is Scalar.TEXT or kind is Scalar.MADE:
            return None
        last, earlier = self._places
        count = frame.count
        token = self._tokens.take(
            PLACE + kind - Scalar.TEXT,
            (
                (place, count),
                (place, frame.word, count),
                (place, self._operators[0], count, self._node),
                (place, last, count),
                (place, last, earlier, frame.word),
                (place, self._node, *self._operators),
            ),
        )
        ordinal = token - 1
        if ordinal >= DIRECT:
            contexts: Contexts = ((place, token), (place, token, frame.word), (), (), (), ())
            further = self._tokens.take(PLACE + 15, contexts)
            ordinal = DIRECT + (ordinal - DIRECT << 8 | further)
        self._places = (token, last)
        return ordinal if token else None

    def _guess(self, frame: _Frame, kind: Scalar, spot: int) -> bytes:
        if kind is Scalar.READ and frame.count > 1:
            others = self._names.latest(1)  # the weight, before its bias
            return others[0] if others else b""
        return self._spelled.get(spot, b"")

    def _remember(
        self, frame: _Frame, kind: Scalar, number: int, text: bytes, *, spelled: bool
    ) -> None:
        """What the text says about the tokens to come."""
        if kind is Scalar.READ:
            self._node = mixed(self._node, spelled)
        elif kind is Scalar.MADE:
            self._made = text
            self._node = mixed(self._node, *text.rstrip(b"_0123456789")[-8:])
        elif kind is Scalar.WORD:
            frame.word = mixed(frame.word if frame.message is Message.ATTRIBUTE else 0, *text)
            if frame.message is Message.NODE and number == _OP_TYPE:
                self._operators = (mixed(*text), self._operators[0])
                self._node = 0
