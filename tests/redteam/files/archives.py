"""Archives made by hand, as no honest tool makes them."""

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping

MIB = 1 << 20
LOCAL, CENTRAL, END = "<4s5H3I2H", "<4s6H3I5H2I", "<4s4H2IH"


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Deflated, under names that are taken as they are."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def zipped_link(name: str, target: str, **beside: bytes) -> bytes:
    """A zip with a member that is a symbolic link, and those `beside` it."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for other, content in beside.items():
            archive.writestr(other, content)
        archive.writestr(info, target)
    return packed.getvalue()


def member(
    name: str, content: bytes = b"", *, link: str = "", kind: bytes = b""
) -> tuple[tarfile.TarInfo, bytes]:
    """One entry of a tar file."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    if kind:
        info.type, info.linkname = kind, link
    return info, content


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    """A tar file of these entries, in this order."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def quoted(count: int, kernel: bytes) -> bytes:
    """A zip of `count` members that share one compressed kernel: each begins with the header
    of the next as a stored block, and so holds all that follow (Fifield, "A better zip bomb",
    WOOT 2019)."""
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    data, content = press.compress(kernel) + press.flush(), kernel
    headers: list[bytes] = []
    entries: list[tuple[bytes, int, int, int]] = []
    for number in reversed(range(count)):
        if headers:
            head = headers[-1]
            data = b"\0" + struct.pack("<HH", len(head), len(head) ^ 0xFFFF) + head + data
            content = head + content
        name = f"t/x{number:04}.npy".encode()
        facts = zlib.crc32(content), len(data), len(content)
        headers.append(
            struct.pack(LOCAL, b"PK\3\4", 20, 0, 8, 0, 0, *facts, len(name), 0) + name
        )
        entries.append((name, *facts))
    directory, offset = b"", 0
    for head, (name, *facts) in zip(reversed(headers), reversed(entries), strict=True):
        directory += struct.pack(
            CENTRAL, b"PK\1\2", 20, 20, 0, 8, 0, 0, *facts, len(name), 0, 0, 0, 0, 0, offset
        )  # fmt: skip
        directory += name
        offset += len(head) + 5
    body = headers[-1] + data
    end = struct.pack(END, b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end
