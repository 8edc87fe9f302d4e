"""A model as one ordinary .onnx file, large tensors streamed into it.

The bytes are those of `SerializeToString(deterministic=True)` of the same model with every
tensor inline, whatever its size; a file over 2 GiB is one that only this room reads.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import onnx

from lathe.packed.head.messages import DELIMITED
from lathe.packed.head.wire import opening
from worker.engine.onnx_file.place import Place, is_mapped, place_of
from worker.engine.onnx_file.read import GRAPH, INITIALIZER, LARGE_BYTES, RAW_DATA
from worker.engine.onnx_file.wire import fields

ALIGNMENT_BYTES = 64
CHUNK_BYTES = 4 << 20
_DOC_STRING = 12  # in TensorProto
_AFTER_THE_DATA = ("doc_string", "metadata_props")

Part = bytes | Place


def write_model(model: onnx.ModelProto, path: Path, *, aligned: bool = False) -> int:
    """Write `model` to the new file `path`; returns its size in bytes.

    `aligned` puts each large tensor's bytes at a multiple of 64, with a doc string before
    them: for files that are mapped again, not for those that people download. Raises
    FileExistsError: a file that is mapped must never change.
    """
    skeleton = model.SerializeToString(deterministic=True)
    graph = _graph(skeleton, aligned=aligned)
    with path.open("xb") as file:
        for part in graph:
            pour(file, part)
        return file.tell()


def file_bytes(model: onnx.ModelProto) -> int:
    """Bytes of the ordinary file that `write_model` would write, mapped tensors counted."""
    skeleton = model.SerializeToString(deterministic=True)
    return sum(_size(part) for part in _graph(skeleton, aligned=False))


def _graph(skeleton: bytes, *, aligned: bool) -> Iterator[Part]:
    """The file in order. Lengths are counted first, tensors are read only when poured."""
    for field in fields(skeleton, 0, len(skeleton)):
        if field.number != GRAPH or field.wire_type != DELIMITED:
            yield skeleton[field.begin : field.end]
            continue
        yield from _filled(skeleton, field.value, field.end, field.begin, aligned=aligned)


def _filled(
    skeleton: bytes, begin: int, end: int, place: int, *, aligned: bool
) -> Iterator[Part]:
    """The graph field with its tensors inside; `place` is where it starts in the file.

    How long it gets depends on the padding, and the padding on where it begins, which moves
    with the length of the length: so it is laid out until that holds still.
    """
    header = opening(GRAPH, end - begin)
    while True:
        parts = list(_laid_out(skeleton, begin, end, place + len(header), aligned=aligned))
        again = opening(GRAPH, sum(_size(part) for part in parts))
        if len(again) <= len(header):
            break
        header = again
    yield again if len(again) == len(header) else _stretched(again, len(header))
    yield from parts


def _stretched(header: bytes, size_bytes: int) -> bytes:
    """The same varint in more bytes, which every parser accepts."""
    short = bytearray(header)
    while len(short) < size_bytes:
        short[-1] |= 0x80
        short.append(0)
    return bytes(short)


def _laid_out(
    skeleton: bytes, begin: int, end: int, place: int, *, aligned: bool
) -> Iterator[Part]:
    for field in fields(skeleton, begin, end):
        parts: tuple[Part, ...] = (skeleton[field.begin : field.end],)
        if field.number == INITIALIZER:
            tensor = onnx.TensorProto.FromString(skeleton[field.value : field.end])
            if is_mapped(tensor) or (aligned and len(tensor.raw_data) >= LARGE_BYTES):
                parts = _inlined(tensor, place if aligned else None)
        place += sum(_size(part) for part in parts)
        yield from parts


def _inlined(tensor: onnx.TensorProto, place: int | None) -> tuple[Part, ...]:
    """The initializer field with its bytes inside; padded when it is told where it starts."""
    data: Part = place_of(tensor) if is_mapped(tensor) else tensor.raw_data
    data_bytes = _size(data)
    before, after = onnx.TensorProto(), onnx.TensorProto()
    before.CopyFrom(tensor)
    for name in ("raw_data", "external_data", "data_location", *_AFTER_THE_DATA):
        before.ClearField(name)
    for name in _AFTER_THE_DATA:
        if place is None or name != "doc_string":
            _move(name, tensor, after)
    head = before.SerializeToString(deterministic=True)
    tail = after.SerializeToString(deterministic=True)
    data_opening = opening(RAW_DATA, data_bytes)
    padding = b""
    if place is not None:
        behind_bytes = len(data_opening) + data_bytes + len(tail)
        padding = _padding(place, head, behind_bytes, data_opening)
    size_bytes = len(head) + len(padding) + len(data_opening) + data_bytes + len(tail)
    return opening(INITIALIZER, size_bytes) + head + padding + data_opening, data, tail


def _move(name: str, tensor: onnx.TensorProto, to: onnx.TensorProto) -> None:
    if name == "doc_string" and tensor.HasField("doc_string"):
        to.doc_string = tensor.doc_string
    elif name == "metadata_props":
        to.metadata_props.extend(tensor.metadata_props)


def _padding(place: int, head: bytes, behind_bytes: int, data_opening: bytes) -> bytes:
    """A doc string so long that the data behind it begins at a multiple of 64."""
    for spaces in range(2 * ALIGNMENT_BYTES):
        padding = opening(_DOC_STRING, spaces) + b" " * spaces
        size_bytes = len(head) + len(padding) + behind_bytes
        outer = len(opening(INITIALIZER, size_bytes))
        begins = place + outer + len(head) + len(padding) + len(data_opening)
        if begins % ALIGNMENT_BYTES == 0:
            return padding
    raise AssertionError("64 successive lengths cover every remainder")


def _size(part: Part) -> int:
    return part.size_bytes if isinstance(part, Place) else len(part)


def pour(file: io.BufferedWriter, part: Part) -> None:
    """Append the bytes of `part`, read in pieces; raises OSError when its file is shorter."""
    if isinstance(part, bytes):
        file.write(part)
        return
    with part.path.open("rb", buffering=0) as source:
        source.seek(part.offset)
        left = part.size_bytes
        while left:
            data = source.read(min(left, CHUNK_BYTES))
            if not data:
                raise OSError(f"{part.path.name} is shorter than its tensors")
            file.write(data)
            left -= len(data)
