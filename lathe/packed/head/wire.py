"""Protobuf's wire format, written: keys and lengths in as few bytes as they take."""

from lathe.packed.head.messages import DELIMITED
from lathe.packed.varint import varint

MOST_VARINT_BYTES = 10
_WHOLE = 1 << 64


def key(number: int, wire_type: int) -> bytes:
    """What stands before the value of field `number`."""
    return varint(number << 3 | wire_type)


def opening(number: int, size_bytes: int) -> bytes:
    """What stands before a length-delimited value."""
    return key(number, DELIMITED) + varint(size_bytes)


def folded(number: int) -> int:
    """A 64-bit field as a number that is small when the signed one is near zero:
    0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
    signed = number - _WHOLE if number >> 63 else number
    return signed << 1 if signed >= 0 else (-signed << 1) - 1


def unfolded(number: int) -> int:
    """The inverse of `folded`, from 0 to 2**64 - 1."""
    return (-(number + 1 >> 1) if number & 1 else number >> 1) % _WHOLE
