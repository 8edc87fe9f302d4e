"""Zip files by a script: every checksum is right unless the script says otherwise."""

import struct
import zlib
from collections.abc import Sequence

from tests.fuzz.script import Script

_STORED, _DEFLATED = 0, 8
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_MOST_MEMBERS = 6
_METHODS = (_STORED, _DEFLATED, _STORED, _DEFLATED, 12, 99)
_FLAGS = (0, 0x800, 0, 1, 8, 0x20, 0x40, 0x2000)  # UTF-8 names, encrypted, sizes behind
_KINDS = (0, 0o100644, 0o040755, 0o120777, 0o010644)  # file, folder, link, pipe


def zipped(script: Script, names: Sequence[bytes], contents: Sequence[bytes]) -> bytes:
    """An archive of members with these names and contents, or with ones from the script; what
    its headers say may be wrong, one field at a time."""
    body, directory, count = b"", b"", 0
    while script.left > 1 and count < _MOST_MEMBERS:
        told = script.byte()
        name = script.piece() if told & 1 else names[script.below(len(names))]
        content = script.piece() if told & 2 else contents[script.below(len(contents))]
        local, central = _member(script if told & 4 else Script(b""), name, content, len(body))
        body, directory, count = body + local, directory + central, count + 1
    at, size = len(body), len(directory)
    if script.byte() & 0x80:
        at, size = at + script.byte() - 128, max(0, size + script.byte() - 128)
    end = struct.pack("<4H2IH", 0, 0, count, count, size & 0xFFFFFFFF, at & 0xFFFFFFFF, 0)
    return body + directory + _END + end


def plain(name: bytes, content: bytes) -> bytes:
    """An archive of one stored member."""
    local, central = _member(Script(b""), name, content, 0)
    end = struct.pack("<4H2IH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + _END + end


def _member(script: Script, name: bytes, content: bytes, at: int) -> tuple[bytes, bytes]:
    method = _METHODS[script.below(len(_METHODS))]
    packed = content
    if method == _DEFLATED:
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = deflate.compress(content) + deflate.flush()
    flags, kind = _FLAGS[script.below(len(_FLAGS))], _KINDS[script.below(len(_KINDS))]
    fields = [20, flags, method, 0, 0, zlib.crc32(content), len(packed), len(content)]
    if script.byte() & 1:  # one of them is a lie
        fields[script.below(len(fields))] = script.number(4) & 0xFFFF
    if script.byte() & 1:
        at += script.byte() - 128
    extra = script.piece() if script.byte() & 1 else b""
    local = _LOCAL + struct.pack("<5H3I2H", *fields, len(name), len(extra)) + name + extra
    central = struct.pack(
        "<4s6H3I5H2I", _CENTRAL, 20, *fields, len(name), 0, 0, 0, 0, kind << 16, at & 0xFFFFFFFF
    )
    return local + packed, central + name
