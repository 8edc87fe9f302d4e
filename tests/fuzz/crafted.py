"""Packed files made by hand: sizes and checksum are right, the rest is whatever it is."""

import hashlib
import zlib

from lathe.packed.head.decode import HeadCoding
from lathe.packed.header import CHECKED_FROM, DIGEST_BYTES, MAGIC, VERSION
from lathe.packed.varint import varint
from worker.engine.encode.pack import tokens_and_body
from worker.engine.encode.symbols import Profile


def checked(packed: bytes) -> bytes:
    """The same file with the right magic, version and checksum."""
    rest = packed[CHECKED_FROM:]
    return MAGIC + bytes([VERSION]) + zlib.crc32(rest).to_bytes(4, "little") + rest


def crafted(head: bytes, body: bytes, onnx_bytes: int, digest: bytes = bytes(8)) -> bytes:
    """A file of these plain tokens of a head and this body."""
    sizes = varint(onnx_bytes) + varint(len(head)) + bytes([HeadCoding.PLAIN])
    return checked(bytes(CHECKED_FROM) + digest[:DIGEST_BYTES] + sizes + head + body)


def plainly_packed(onnx: bytes, profile: Profile = "fast") -> bytes:
    """An ONNX file packed, its head as plain tokens, which take next to no time."""
    head, body = tokens_and_body(onnx, profile)
    return crafted(head, body, len(onnx), hashlib.sha256(onnx).digest())
