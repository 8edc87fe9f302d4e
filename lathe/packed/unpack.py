"""A packed file back as the ONNX file that it was made of, bit for bit."""

import hashlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lathe.errors import CorruptPacked, ModelTooLarge
from lathe.packed.body import Body, Part
from lathe.packed.head.decode import decode_head
from lathe.packed.head.plan import Cut, Same
from lathe.packed.header import DIGEST_BYTES, Header, read_header
from lathe.packed.limits import Limits

_CHUNK_BYTES = 1 << 20


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
    body = Body(data[body_at:], [cut for _, cut in skeleton.cuts])
    sink = _Sink(file)
    done = 0
    for at, cut in skeleton.cuts:
        sink.write(skeleton.wire[done:at])
        sink.cut(cut, body)
        done = at
    sink.write(skeleton.wire[done:])
    body.finish()
    sink.finish(header)
    return header.onnx_bytes


class _Sink:
    """The file in the making, its digest, and where each cut lies in it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._at = 0
        self._cuts: list[int] = []

    def write(self, part: Part) -> None:
        view = part.data if isinstance(part, np.ndarray) else memoryview(part)
        self._file.write(view)
        self._hash.update(view)
        self._at += view.nbytes

    def cut(self, cut: Cut, body: Body) -> None:
        begin = self._at
        if isinstance(cut.plan, Same):
            self._copy(self._cuts[-cut.plan.back], cut.size_bytes)
        else:
            for part in body.parts(cut):
                self.write(part)
        if self._at - begin != cut.size_bytes:
            raise CorruptPacked("a tensor has another size than its shape")
        self._cuts.append(begin)

    def _copy(self, begin: int, size_bytes: int) -> None:
        """Write a part of the file once more."""
        for at in range(begin, begin + size_bytes, _CHUNK_BYTES):
            self._file.seek(at)
            chunk = self._file.read(min(_CHUNK_BYTES, begin + size_bytes - at))
            self._file.seek(self._at)
            self.write(chunk)

    def finish(self, header: Header) -> None:
        if self._hash.digest()[:DIGEST_BYTES] != header.digest:
            raise CorruptPacked("the model that came out is not the one that was packed")
