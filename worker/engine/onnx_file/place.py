"""Where a tensor's bytes lie: ONNX's own words for external data, with one convention.

`location` is the absolute path without its leading slash, because ONNX and onnxruntime want a
relative one; both then look below "/". Only files that Lathe wrote or checked are named so.
"""

from dataclasses import dataclass
from pathlib import Path

import onnx

ROOT = Path("/")
_DATA = (
    "raw_data", "float_data", "double_data", "int32_data", "int64_data", "uint64_data",
    "string_data",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """`size_bytes` bytes of the file `path`, little-endian, from `offset` on."""

    path: Path
    offset: int
    size_bytes: int


def whole(path: Path) -> Place:
    """All of a file."""
    return Place(path, 0, path.stat().st_size)


def is_mapped(tensor: onnx.TensorProto) -> bool:
    """Whether the tensor's bytes lie in a file."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def place_of(tensor: onnx.TensorProto) -> Place:
    """Where a mapped tensor lies; raises KeyError for one that was not placed by `put`."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    return Place(ROOT / said["location"], int(said["offset"]), int(said["length"]))


def put(tensor: onnx.TensorProto, place: Place) -> None:
    """Make `tensor` a mapped one, in place; bytes that it held itself are dropped."""
    for field in (*_DATA, "external_data"):
        tensor.ClearField(field)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (
        ("location", str(place.path.absolute()).lstrip("/")),
        ("offset", str(place.offset)),
        ("length", str(place.size_bytes)),
    ):
        tensor.external_data.add(key=key, value=value)


def mapped_bytes(model: onnx.ModelProto) -> int:
    """Bytes of all initializers of the main graph that lie in files."""
    return sum(place_of(t).size_bytes for t in model.graph.initializer if is_mapped(t))
