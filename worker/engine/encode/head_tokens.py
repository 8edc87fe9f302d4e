"""The tokens of an ONNX file's head, and where tensors were cut out of it.

The writing half of lathe.packed.head.read. Any bytes are taken: what is not written the one
way in which a reader would write it back travels as it is.
"""

import mmap
from dataclasses import dataclass, field
from math import prod

from lathe.errors import CorruptModel
from lathe.packed.dtypes import DOUBLE as DOUBLE_TYPE
from lathe.packed.dtypes import FLOAT, bits_of, size_of
from lathe.packed.head.ask import MOST_SPELLED
from lathe.packed.head.messages import (
    DATA_TYPE,
    DEEPEST,
    DELIMITED,
    DIMS,
    DOUBLE_DATA,
    FIELDS,
    FIXED32,
    FLOAT_DATA,
    RAW_DATA,
    TENSOR_NAME,
    VARINT,
    Message,
    Scalar,
)
from lathe.packed.head.names import DIRECT, Names
from lathe.packed.head.read import CUT, END, MOST_VERBATIM, VERBATIM
from lathe.packed.head.read_plan import PIECES
from lathe.packed.head.wire import folded, key, opening
from lathe.packed.varint import varint
from worker.engine.onnx_file.wire import Field, fields, read_varint

MOST_PIECE = 1 << 22  # elements: bounds the memory of both sides
Source = bytes | mmap.mmap
_WIRE_TYPE = {Scalar.NUMBER: VARINT, Scalar.FLOAT: FIXED32}
_HOLDS = {FLOAT_DATA: FLOAT, DOUBLE_DATA: DOUBLE_TYPE}  # the one type of a typed field


@dataclass(frozen=True, slots=True)
class Region:
    """Bytes cut out of the file: [begin, end), and where their plan stands among the tokens.

    `data_type` is 0 for bytes that are no tensor's numbers.
    """

    at: int
    begin: int
    end: int
    name: str
    data_type: int
    dims: tuple[int, ...]
    row: int = 0  # of the tensor, where the region is a piece of it

    @property
    def size_bytes(self) -> int:
        """How many bytes were cut out."""
        return self.end - self.begin


@dataclass(slots=True)
class HeadTokens:
    """The tokens of a file's head, and the cuts whose plans belong between them."""

    tokens: bytearray = field(default_factory=bytearray)
    regions: list[Region] = field(default_factory=list)


def head_tokens(source: Source) -> HeadTokens:
    """The head of the ONNX file in `source`, which may be any bytes at all."""
    writer = _Writer(source)
    inside = writer.inside(0, len(source))
    if inside is None:
        writer.run("", 0, len(source))
        writer.head.tokens.append(END)
    else:
        writer.message(Message.MODEL, inside, 0)
    return writer.head


def _rows(data_type: int, dims: tuple[int, ...]) -> int | None:
    """Rows of each piece of a large tensor; None for one that is coded whole."""
    if prod(dims) <= MOST_PIECE or dims[0] == 1:
        return None
    whole_bytes = 8 // min(bits_of(data_type) or 8, 8)  # rows that end with a byte
    rows = max(MOST_PIECE // prod(dims[1:]) // whole_bytes, 1) * whole_bytes
    bits = bits_of(data_type) or 8
    ends_with_a_byte = prod(dims) * bits % 8 == 0
    return rows if rows < dims[0] and ends_with_a_byte else None


class _Writer:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._names = Names()
        self.head = HeadTokens()

    def inside(self, begin: int, end: int) -> list[Field] | None:
        """The fields of a message; None for bytes that are none."""
        try:
            return list(fields(self._source, begin, end))
        except CorruptModel:
            return None

    def message(self, message: Message, inside: list[Field], depth: int) -> None:
        """The tokens of a message of these fields."""
        dims: list[int] = []
        data_type = 0
        name = self._name(inside) if message is Message.TENSOR else ""
        for part in inside:
            kind = FIELDS[message].get(part.number)
            if kind is None or not self._usual(part, kind):
                self.run(name, part.begin, part.end)
            elif isinstance(kind, Message):
                self._inner(part, kind, depth)
            elif kind is Scalar.NUMBER:
                number, _ = read_varint(self._source, part.value, part.end)
                self._tell(part, varint(folded(number)))
                if message is Message.TENSOR and part.number == DIMS:
                    dims.append(number)
                elif message is Message.TENSOR and part.number == DATA_TYPE:
                    data_type = number
            elif kind is Scalar.FLOAT:
                self._tell(part, self._value(part))
            elif kind is Scalar.DATA:
                self._data(part, name, data_type, tuple(dims))
            else:
                self._text(part, kind)
        self.head.tokens.append(END)

    def run(self, name: str, begin: int, end: int) -> None:
        """Bytes as they are: between the tokens or, when there are many, cut out."""
        tokens = self.head.tokens
        if end - begin > MOST_VERBATIM:
            tokens.append(CUT)
            tokens += varint(end - begin)
            self.head.regions.append(Region(len(tokens), begin, end, name, 0, (end - begin,)))
        else:
            tokens.append(VERBATIM)
            tokens += varint(end - begin) + self._source[begin:end]

    def _usual(self, part: Field, kind: Message | Scalar) -> bool:
        """Whether the field is written as a reader would write it back."""
        wire_type = DELIMITED if isinstance(kind, Message) else _WIRE_TYPE.get(kind, DELIMITED)
        if part.wire_type != wire_type:
            return False
        written = self._source[part.begin : part.value]
        if wire_type == DELIMITED:
            return written == opening(part.number, part.size_bytes)
        if wire_type == VARINT:
            number, _ = read_varint(self._source, part.value, part.end)
            if number >> 64 or self._value(part) != varint(number):
                return False
        return written == key(part.number, wire_type)

    def _inner(self, part: Field, kind: Message, depth: int) -> None:
        inside = self.inside(part.value, part.end) if depth < DEEPEST else None
        if inside is None:
            self.run("", part.begin, part.end)
        else:
            self.head.tokens.append(part.number)
            self.message(kind, inside, depth + 1)

    def _data(self, part: Field, name: str, data_type: int, dims: tuple[int, ...]) -> None:
        fits = part.number == RAW_DATA or _HOLDS[part.number] == data_type
        if not fits or size_of(data_type, dims) != part.size_bytes:
            self.run(name, part.begin, part.end)
            return
        self.head.tokens.append(part.number)
        rows = _rows(data_type, dims)
        if rows is not None:
            self.head.tokens += bytes([PIECES]) + varint(rows)
        at, begin = len(self.head.tokens), part.value
        for row in range(0, dims[0], rows) if rows is not None else (0,):
            shape = dims if rows is None else (min(rows, dims[0] - row), *dims[1:])
            end = begin + (size_of(data_type, shape) or 0)
            self.head.regions.append(Region(at, begin, end, name, data_type, shape, row))
            begin = end

    def _text(self, part: Field, kind: Scalar) -> None:
        text = self._value(part)
        place = self._names.place(kind, text)
        if place is None and (len(text) > MOST_SPELLED or 0 in text):
            self.run("", part.begin, part.end)
            return
        always_spelled = kind in {Scalar.TEXT, Scalar.MADE}
        if place is None:
            self._tell(part, (b"" if always_spelled else b"\0") + text + b"\0")
        elif place < DIRECT:
            self._tell(part, bytes([place + 1]))
        else:
            more, low = divmod(place - DIRECT, 256)
            self._tell(part, bytes([DIRECT + 1 + more, low]))
        self._names.note(kind, text, place)

    def _tell(self, part: Field, value: bytes) -> None:
        self.head.tokens.append(part.number)
        self.head.tokens += value

    def _value(self, part: Field) -> bytes:
        return bytes(self._source[part.value : part.end])

    def _name(self, inside: list[Field]) -> str:
        names = [self._value(part) for part in inside if part.number == TENSOR_NAME]
        return names[-1].decode(errors="replace") if names else ""
