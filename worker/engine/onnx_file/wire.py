"""Just enough of the protobuf wire format to step over fields without reading them.

Protocol Buffers, "Encoding": a field is a varint key, (number << 3) | type, and its value;
type 0 is a varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes. Fields of one
message that come twice are merged, the last scalar counts.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

from lathe.errors import CorruptModel
from lathe.packed.head.wire import MOST_VARINT_BYTES

MOST_FIELDS = 1 << 24  # of one message: a graph has a few for each of its million nodes

Source = bytes | mmap.mmap


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its bytes are [begin, end), its value's are [value, end)."""

    number: int
    wire_type: int
    begin: int
    value: int
    end: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the value."""
        return self.end - self.value


def fields(source: Source, begin: int, end: int) -> Iterator[Field]:
    """The fields of the message in `source[begin:end]`; raises CorruptModel."""
    at = begin
    for _ in range(MOST_FIELDS):
        if at >= end:
            return
        key, value = read_varint(source, at, end)
        wire_type = key & 7
        match wire_type:
            case 0:
                _, after = read_varint(source, value, end)
            case 1:
                after = value + 8
            case 2:
                length, value = read_varint(source, value, end)
                after = value + length
            case 5:
                after = value + 4
            case _:
                raise damaged()
        if after > end or key >> 3 == 0:
            raise damaged()
        yield Field(key >> 3, wire_type, at, value, after)
        at = after
    raise damaged()


def read_varint(source: Source, at: int, end: int) -> tuple[int, int]:
    """The number at `at`, and where the next thing begins; raises CorruptModel."""
    number = 0
    for place in range(MOST_VARINT_BYTES):
        if at + place >= end:
            break
        byte = source[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:  # noqa: PLR2004 - the bit that says: more follows
            return number, at + place + 1
    raise damaged()


def damaged() -> CorruptModel:
    """The one answer to bytes that are no message."""
    return CorruptModel(
        "the ONNX file is damaged or cut short; compare its size and upload it again"
    )
