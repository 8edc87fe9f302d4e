"""A packed file back as the ONNX file that it was made of, bit for bit."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lathe.errors import CorruptPacked, ModelTooLarge
from lathe.packed.head.decode import decode_head
from lathe.packed.header import DIGEST_BYTES, read_header
from lathe.packed.limits import Limits
from lathe.packed.splice import splice


def unpack(source: Path | bytes, target: Path, limits: Limits | None = None) -> int:
    """Write the ONNX file that `source` holds to `target`; returns its size in bytes.

    `target` appears, or is replaced, only when every byte is there and its digest is right.
    Memory stays within a few times the largest tensor. Raises CorruptPacked,
    UnknownPackedVersion, ModelTooLarge, and OSError where reading or writing fails.
    """
    limits = limits or Limits()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _opened(source) as data, part.open("w+b") as file:
            size_bytes = _unpack(data, file, limits)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return size_bytes


def unpack_into(source: bytes | memoryview, file: BinaryIO, limits: Limits) -> int:
    """`unpack` into an open, empty file that can be read and written."""
    return _unpack(memoryview(source), file, limits)


@contextmanager
def _opened(source: Path | bytes) -> Iterator[memoryview]:
    if isinstance(source, bytes):
        yield memoryview(source)
        return
    with source.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise CorruptPacked("the file is empty")
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _unpack(data: memoryview, file: BinaryIO, limits: Limits) -> int:
    header = read_header(data)
    if header.onnx_bytes > limits.max_bytes:
        raise ModelTooLarge(
            f"the model takes {header.onnx_bytes} bytes, the limit is {limits.max_bytes}; "
            "raise it for files that you trust"
        )
    body_at = header.end + header.head_bytes
    head = data[header.end : body_at]
    skeleton = decode_head(header.head_coding, head, header.onnx_bytes, limits)
    digest = splice(skeleton, data[body_at:], file)
    if digest[:DIGEST_BYTES] != header.digest:
        raise CorruptPacked("the model that came out is not the one that was packed")
    return header.onnx_bytes
