"""The first bytes of a packed file: what it is, whether it is whole, how large it gets.

    0   3  magic, "LTP"
    3   1  version of the format
    4   4  CRC-32 of every byte from 8 on, little-endian
    8   8  the first 8 bytes of the SHA-256 of the ONNX file
    16     varint: bytes of the ONNX file
           varint: bytes of the coded head
           1 byte: the coding of the head

CRC-32 finds every burst of up to 32 damaged bits and is read first; what slips through it (one
in 4 billion) meets the digest of the result. Neither is a signature: who can write the file
can write both.
"""

import zlib
from dataclasses import dataclass

from lathe.errors import CorruptPacked, UnknownPackedVersion

MAGIC = b"LTP"
VERSION = 1
DIGEST_BYTES = 8
CHECKED_FROM = 8  # the first byte that the checksum covers
_CHUNK_BYTES = 1 << 20
_MOST_VARINT_BYTES = 9  # so below 2**63


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes say; the body begins at `end` with the coded head."""

    digest: bytes
    onnx_bytes: int
    head_bytes: int
    head_coding: int
    end: int


def read_header(data: memoryview) -> Header:
    """The header of a packed file, its checksum compared. Raises CorruptPacked, and
    UnknownPackedVersion for a file of a later format."""
    if len(data) < CHECKED_FROM or data[:3] != MAGIC:
        raise CorruptPacked("this is no packed model: it does not begin with LTP")
    if data[3] != VERSION:
        raise UnknownPackedVersion(
            f"the file is of version {data[3]} of the packed format, this release reads "
            f"{VERSION}; update lathe"
        )
    if checksum(data[CHECKED_FROM:]) != int.from_bytes(data[4:8], "little"):
        raise CorruptPacked(
            "the checksum is wrong: the file is damaged or cut short; fetch it again"
        )
    at = CHECKED_FROM + DIGEST_BYTES
    onnx_bytes, at = _varint(data, at)
    head_bytes, at = _varint(data, at)
    if head_bytes > len(data) - at - 1:
        raise CorruptPacked("the head is longer than the file")
    digest = bytes(data[CHECKED_FROM : CHECKED_FROM + DIGEST_BYTES])
    return Header(digest, onnx_bytes, head_bytes, data[at], at + 1)


def checksum(data: memoryview) -> int:
    """CRC-32 of `data`, taken in pieces so that a mapped file need not be in memory."""
    crc = 0
    for begin in range(0, len(data), _CHUNK_BYTES):
        crc = zlib.crc32(data[begin : begin + _CHUNK_BYTES], crc)
    return crc


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    number = 0
    for place in range(_MOST_VARINT_BYTES):
        if at + place >= len(data):
            break
        byte = data[at + place]
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:  # noqa: PLR2004 - the bit that says: more follows
            return number, at + place + 1
    raise CorruptPacked("a size in the header has no end")
