"""What a file is by its first bytes, never by its name."""

import re
import struct
from pathlib import Path
from typing import Literal

FileKind = Literal[
    "empty", "zip", "tar", "tar.gz", "safetensors", "pickle", "parquet", "hdf5", "gguf",
    "tflite", "npy", "onnx", "xz", "bzip2", "zstd", "7z", "rar", "elf", "pdf",
    "image", "text", "unknown",
]  # fmt: skip

HEAD_BYTES = 4096
TAR_MAGIC_AT = 257
LONGEST_HEADER_BYTES = 100 << 20
STARTS: tuple[tuple[bytes, FileKind], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "tar.gz"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!", "rar"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"PAR1", "parquet"),
    (b"GGUF", "gguf"),
    (b"\x93NUMPY", "npy"),
    (b"\x7fELF", "elf"),
    (b"%PDF", "pdf"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
)
PICKLE_PROTOCOLS = {b"\x02", b"\x03", b"\x04", b"\x05"}  # after the opcode PROTO
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
IR_VERSION_TAG = 0x08  # field 1 as a varint: how every ONNX writer begins a ModelProto


def file_kind(path: Path) -> FileKind:
    """The format that the first 4096 bytes speak of."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return "empty"
    return next((kind for start, kind in STARTS if head.startswith(start)), _deeper(head))


def _deeper(head: bytes) -> FileKind:
    checks: tuple[tuple[bool, FileKind], ...] = (
        (head[TAR_MAGIC_AT : TAR_MAGIC_AT + 5] == b"ustar", "tar"),
        (head[4:8] == b"TFL3", "tflite"),
        (head[:1] == b"\x80" and head[1:2] in PICKLE_PROTOCOLS, "pickle"),
        (_is_safetensors(head), "safetensors"),
        (head[0] == IR_VERSION_TAG, "onnx"),
        (_is_text(head), "text"),
    )
    return next((kind for holds, kind in checks if holds), "unknown")


def _is_safetensors(head: bytes) -> bool:
    if len(head) < 10 or head[8:9] != b"{":  # noqa: PLR2004 - length field, then a JSON object
        return False
    (length,) = struct.unpack("<Q", head[:8])
    return bool(length < LONGEST_HEADER_BYTES)


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", "strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return False
    return not CONTROL.search(text)
