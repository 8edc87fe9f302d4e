"""Safetensors files: the header read with every offset checked, and the writing in a stream.

Format: https://github.com/huggingface/safetensors#format (8 bytes little-endian header
length, a JSON header of dtype, shape and data_offsets relative to the end of the header,
then the data without holes). The bytes of a tensor are never held in memory here.
"""

import json
import math
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from lathe.facts import DType

MAX_HEADER_BYTES = 100 << 20
ALIGNMENT_BYTES = 64
CODES: dict[DType, str] = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "float16": "F16",
    "uint32": "U32",
    "int32": "I32",
    "float32": "F32",
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
}
ITEM_BYTES: dict[DType, int] = {
    name: 1 if code == "BOOL" else int(code[1:]) // 8 for name, code in CODES.items()
}
_NAMES = {code: name for name, code in CODES.items()}


class DamagedTensorFileError(ValueError):
    """The header cannot be trusted; the message says why."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where one tensor lies: `offset` counts from the start of the file."""

    dtype: DType
    shape: tuple[int, ...]
    offset: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the data."""
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


class _Entry(BaseModel):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_header(path: Path) -> dict[str, StoredTensor]:
    """The tensors of a safetensors file, in file order; raises DamagedTensorFileError."""
    with path.open("rb") as file:
        return header_of(file, path.stat().st_size)


def header_of(file: BinaryIO, size: int) -> dict[str, StoredTensor]:
    """The same of a file of `size` bytes that is open at its start."""
    first = file.read(8)
    if len(first) < 8:  # noqa: PLR2004 - the length field itself
        raise DamagedTensorFileError("it ends before its header")
    (length,) = struct.unpack("<Q", first)
    if length > min(MAX_HEADER_BYTES, size - 8):
        raise DamagedTensorFileError(f"its header claims {length} bytes of {size}")
    header = file.read(length)
    try:
        parsed = json.loads(header)
        if not isinstance(parsed, dict):
            raise DamagedTensorFileError("its header is no JSON object")
        parsed.pop("__metadata__", None)
        entries = {name: _Entry.model_validate(entry) for name, entry in parsed.items()}
    except (ValueError, RecursionError, ValidationError) as error:
        raise DamagedTensorFileError("its header is no list of tensors") from error
    ordered = sorted(entries.items(), key=lambda item: item[1].data_offsets)
    return _placed(ordered, start=8 + length, size=size)


def _placed(
    ordered: list[tuple[str, _Entry]], *, start: int, size: int
) -> dict[str, StoredTensor]:
    end, tensors = 0, dict[str, StoredTensor]()
    for name, entry in ordered:
        if entry.dtype not in _NAMES:
            raise DamagedTensorFileError(f"{name!r} holds {entry.dtype}, not plain numbers")
        if any(dim < 0 for dim in entry.shape):
            raise DamagedTensorFileError(f"{name!r} has a negative size")
        tensor = StoredTensor(_NAMES[entry.dtype], entry.shape, start + entry.data_offsets[0])
        if entry.data_offsets != (end, end + tensor.size_bytes):
            raise DamagedTensorFileError(f"the data of {name!r} does not lie where it must")
        end, tensors[name] = entry.data_offsets[1], tensor
    if start + end != size:
        raise DamagedTensorFileError(f"it holds {size - start} bytes of data, not {end}")
    return tensors


def write_tensors(
    path: Path,
    declared: Mapping[str, tuple[DType, tuple[int, ...]]],
    pieces: Iterable[tuple[str, bytes | memoryview]],
) -> dict[str, StoredTensor]:
    """Write a safetensors file from a stream of named pieces; those of one tensor come in
    order, and tensors may take turns.

    Wide elements come first and the data begins at a multiple of 64 bytes, so every tensor
    is aligned to its element. Raises ValueError where pieces are not as long as declared.
    """
    order = sorted(declared, key=lambda name: (-ITEM_BYTES[declared[name][0]], name))
    entries, places, end = dict[str, object](), dict[str, tuple[int, int]](), 0
    for name in order:
        dtype, shape = declared[name]
        begin, end = end, end + math.prod(shape) * ITEM_BYTES[dtype]
        places[name] = begin, end
        entries[name] = {
            "dtype": CODES[dtype],
            "shape": list(shape),
            "data_offsets": [begin, end],
        }
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % ALIGNMENT_BYTES)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        _place(file, 8 + len(header), places, pieces)
    return read_header(path)


def _place(
    file: BinaryIO,
    start: int,
    places: Mapping[str, tuple[int, int]],
    pieces: Iterable[tuple[str, bytes | memoryview]],
) -> None:
    reached = {name: begin for name, (begin, _) in places.items()}
    for name, piece in pieces:
        begin, end = places[name]
        at = reached[name]
        if at + len(piece) > end:
            raise ValueError(f"{name!r} gave more than {end - begin} bytes")
        file.seek(start + at)
        file.write(piece)
        reached[name] = at + len(piece)
    for name, (begin, end) in places.items():
        if reached[name] != end:
            raise ValueError(f"{name!r} gave {reached[name] - begin} bytes of {end - begin}")
