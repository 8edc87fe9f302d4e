"""An ONNX file as a packed one, which is handed over only when it was unpacked again."""

import hashlib
import io
import mmap
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lathe.packed.head.plan import Cut, Same
from lathe.packed.header import CHECKED_FROM, DIGEST_BYTES, MAGIC, VERSION
from lathe.packed.limits import Limits
from lathe.packed.unpack import unpack
from lathe.packed.varint import varint
from worker.engine.checkpoint import Multiples
from worker.engine.encode.choice import Choice
from worker.engine.encode.choose import choose
from worker.engine.encode.coded_head import coded_head
from worker.engine.encode.head_tokens import HeadTokens, Region, Source, head_tokens
from worker.engine.encode.pack_report import PackReport, merged
from worker.engine.encode.packed_body import PackedBody
from worker.engine.encode.plan_tokens import plan_tokens
from worker.engine.encode.symbols import Profile

_CHUNK_BYTES = 1 << 20
_NO_LIMITS = Limits(max_bytes=1 << 62, max_head_bytes=1 << 62)


def pack(
    onnx: Path, packed: Path, *, hints: Mapping[str, Multiples], profile: Profile
) -> PackReport:
    """Write the file `packed`, from which `lathe.packed.unpack` makes `onnx` again bit for bit.

    `hints` are the grids of tensors, by initializer name; a grid or codebook is also found
    without them. Any file is taken; one that is no ONNX just gets less small. The result was
    unpacked and compared before it is there; a difference is a bug and raises RuntimeError.
    Memory stays within a few times the largest tensor.
    """
    body = packed.with_name(f".{packed.name}.{os.getpid()}.body")
    part = packed.with_name(f".{packed.name}.{os.getpid()}.part")
    try:
        with _mapped(onnx) as source, body.open("w+b") as body_file:
            digest = hashlib.sha256(source).digest()
            report = _pack(source, digest, body_file, part, hints, profile)
        _verify(part, body, digest)
        part.replace(packed)
    finally:
        body.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return report


@contextmanager
def _mapped(path: Path) -> Iterator[Source]:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield b""
        else:
            yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def tokens_and_body(onnx: bytes, profile: Profile) -> tuple[bytes, bytes]:
    """The tokens of the head of an ONNX file packed without hints, and its body."""
    found, file = head_tokens(onnx), io.BytesIO()
    body = PackedBody(file, profile)
    _choose(found, memoryview(onnx), body, {})
    return _whole(found, body.cuts), file.getvalue()


def _pack(
    source: Source,
    digest: bytes,
    body_file: BinaryIO,
    part: Path,
    hints: Mapping[str, Multiples],
    profile: Profile,
) -> PackReport:
    found = head_tokens(source)
    body = PackedBody(body_file, profile)
    _choose(found, memoryview(source), body, hints)
    coding, head = coded_head(_whole(found, body.cuts), len(source))
    header = _header(digest, len(source), len(head), coding)
    packed_bytes = _write(part, header, head, body_file)
    return PackReport(
        len(source),
        packed_bytes,
        header_bytes=len(header),
        head_bytes=len(head),
        head_coding=coding.name.lower(),
        tensors=merged(body.tensors),
        sha256=digest.hex(),
    )


def _choose(
    found: HeadTokens, view: memoryview, body: PackedBody, hints: Mapping[str, Multiples]
) -> None:
    """Code every cut into the body."""
    for region in found.regions:
        data = view[region.begin : region.end]
        back = body.same_as(data)
        if back is None:
            hint = _of_piece(hints.get(region.name), region)
            choice = choose(data, region.data_type, region.dims, hint)
        else:
            choice = Choice(Same(back), 2)
        body.add(region, choice, data)
    body.finish()


def _of_piece(hint: Multiples | None, region: Region) -> Multiples | None:
    """The part of a tensor's hint that is about one piece of its rows."""
    if hint is None or hint.axis != 0 or not region.dims:
        return hint
    steps = hint.steps[region.row : region.row + region.dims[0]]
    return Multiples(steps, 0, hint.most) if steps else None


def _whole(found: HeadTokens, cuts: list[Cut]) -> bytes:
    """The tokens with every cut's plan in its place."""
    tokens, done = bytearray(), 0
    for region, cut in zip(found.regions, cuts, strict=True):
        tokens += found.tokens[done : region.at] + plan_tokens(cut)
        done = region.at
    return bytes(tokens + found.tokens[done:])


def _header(digest: bytes, onnx_bytes: int, head_bytes: int, coding: int) -> bytes:
    """The header with a checksum of zeros."""
    sizes = varint(onnx_bytes) + varint(head_bytes) + bytes([coding])
    return MAGIC + bytes([VERSION]) + bytes(4) + digest[:DIGEST_BYTES] + sizes


def _write(part: Path, header: bytes, head: bytes, body: BinaryIO) -> int:
    with part.open("xb") as file:
        file.write(header + head)
        body.seek(0)
        shutil.copyfileobj(body, file, _CHUNK_BYTES)
        size_bytes = file.tell()
    with part.open("r+b") as file:
        file.seek(CHECKED_FROM)
        crc = 0
        while chunk := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
        file.seek(CHECKED_FROM - 4)
        file.write(crc.to_bytes(4, "little"))
    return size_bytes


def _verify(packed: Path, scratch: Path, digest: bytes) -> None:
    """Unpack the file to `scratch` and compare."""
    unpack(packed, scratch, _NO_LIMITS)
    with scratch.open("rb") as file:
        if hashlib.file_digest(file, "sha256").digest() != digest:
            raise RuntimeError("a packed file came back as another model")
