"""An ONNX file as a ModelProto without its large tensors' bytes.

The file is mapped and stepped over field by field. What is kept in memory is a model whose
initializers of at least `LARGE_BYTES` say where they lie in the file (`place`). Typed float
and double data is packed little-endian, so it is mapped like raw data.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # no stubs

from lathe.errors import ModelTooLarge
from worker.engine.onnx_file.place import Place, put
from worker.engine.onnx_file.wire import (
    LENGTH_DELIMITED,
    Field,
    Source,
    damaged,
    fields,
    opening,
)

LARGE_BYTES = 64 << 10
MOST_BYTES = (1 << 31) - 1  # of one message that protobuf parses
GRAPH = 7  # in ModelProto
INITIALIZER = 5  # in GraphProto
RAW_DATA = 9  # in TensorProto
_TYPED = {4: onnx.TensorProto.FLOAT, 10: onnx.TensorProto.DOUBLE}  # float_data, double_data


def read_model(path: Path) -> onnx.ModelProto:
    """The model in `path`, large initializers mapped; the file must stay as it is meanwhile.

    Tensors that the file itself keeps elsewhere, and those in node attributes and subgraphs,
    are left as they are. Raises CorruptModel, and ModelTooLarge where more than 2 GiB are
    left when the large initializers are taken out.
    """
    size_bytes = path.stat().st_size
    if size_bytes == 0:
        raise damaged()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as all_:
        lean = b"".join(_lean(all_, 0, size_bytes, (GRAPH, INITIALIZER), path))
    if len(lean) > MOST_BYTES:
        raise ModelTooLarge(
            "the model holds more than 2 GiB outside its initializers; export its weights as "
            "initializers, not as Constant nodes"
        )
    model = onnx.ModelProto()
    try:
        model.ParseFromString(lean)
    except DecodeError as error:
        raise damaged() from error
    return model


def _lean(
    source: Source, begin: int, end: int, path_down: tuple[int, ...], file: Path
) -> Iterator[bytes]:
    """The message's bytes, with what lies under `path_down` made lean."""
    kept_from = begin
    for field in fields(source, begin, end):
        if field.size_bytes < LARGE_BYTES or not _is(field, path_down[0]):
            continue
        yield source[kept_from : field.begin]
        inner = (
            _lean_tensor(source, field, file)
            if len(path_down) == 1
            else b"".join(_lean(source, field.value, field.end, path_down[1:], file))
        )
        yield opening(field.number, len(inner)) + inner
        kept_from = field.end
    yield source[kept_from:end]


def _lean_tensor(source: Source, field: Field, file: Path) -> bytes:
    """One TensorProto; as it was where its large part cannot be told beyond doubt."""
    inside = list(fields(source, field.value, field.end))
    large = [part for part in inside if part.size_bytes >= LARGE_BYTES]
    if len(large) != 1 or sum(part.number == large[0].number for part in inside) != 1:
        return source[field.value : field.end]
    data = large[0]
    tensor = onnx.TensorProto()
    try:
        tensor.ParseFromString(source[field.value : data.begin] + source[data.end : field.end])
    except DecodeError as error:
        raise damaged() from error
    if not _mappable(data, tensor):
        return source[field.value : field.end]
    put(tensor, Place(file, data.value, data.size_bytes))
    lean: bytes = tensor.SerializeToString(deterministic=True)
    return lean


def _mappable(data: Field, tensor: onnx.TensorProto) -> bool:
    if tensor.external_data or tensor.data_location or not _is(data, data.number):
        return False
    if data.number == RAW_DATA:
        return bool(tensor.data_type != onnx.TensorProto.STRING)
    return _TYPED.get(data.number) == tensor.data_type and not tensor.HasField("raw_data")


def _is(field: Field, number: int) -> bool:
    return field.number == number and field.wire_type == LENGTH_DELIMITED
