"""Tensors that lie beside the ONNX file are brought into it, from inside the upload only."""

from pathlib import Path, PurePosixPath

import onnx

from lathe.errors import ModelTooLarge, UnsafeExternalData
from worker.engine.intake.archive import ArchiveRefusedError, plain_name
from worker.engine.intake.tensors import declared_bytes, every_tensor, type_name

MAX_PROTOBUF_BYTES = (1 << 31) - 1
TOO_LARGE = (
    "the model holds more than 2 GiB in all, which one protobuf file cannot; upload a smaller "
    "model, or float16 weights"
)


def inline(model: onnx.ModelProto, base: str, files: dict[str, Path]) -> int:
    """Read external tensors into `model`; how many there were.

    `base` is the folder of the ONNX file inside the archive, `files` what was unpacked.
    Raises UnsafeExternalData for a place outside the archive or beyond a file's end, and
    ModelTooLarge before more than 2 GiB would be read.
    """
    outside = [t for t in every_tensor(model) if is_external(t)]
    places = [(tensor, *_place(tensor, base, files)) for tensor in outside]
    if model.ByteSize() + sum(size for *_, size in places) > MAX_PROTOBUF_BYTES:
        raise ModelTooLarge(TOO_LARGE)
    for tensor, path, offset, size_bytes in places:
        with path.open("rb") as file:
            file.seek(offset)
            tensor.raw_data = file.read(size_bytes)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    return len(outside)


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the tensor's data is said to lie elsewhere, in whichever way."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)


def _place(
    tensor: onnx.TensorProto, base: str, files: dict[str, Path]
) -> tuple[Path, int, int]:
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = said.get("location", "")
    try:
        name = plain_name(location)
    except ArchiveRefusedError as error:
        raise UnsafeExternalData(
            f"the tensor {tensor.name!r} names the place {location[:100]!r}, which is not a "
            "plain path inside the archive; save the model with its data beside it"
        ) from error
    path = files.get(str(PurePosixPath(base) / name))
    if path is None:
        raise UnsafeExternalData(
            f"the tensor {tensor.name!r} wants {name!r}, which is not in the upload; upload a "
            "zip that holds the .onnx file and its data files, as the exporter wrote them"
        )
    if type_name(tensor) == "STRING":
        raise UnsafeExternalData(f"the tensor {tensor.name!r} keeps text in an external file")
    size_bytes = declared_bytes(tensor)
    offset = _number(tensor, said, "offset", 0)
    length = _number(tensor, said, "length", size_bytes)
    if length != size_bytes or offset + length > path.stat().st_size:
        raise UnsafeExternalData(
            f"the tensor {tensor.name!r} declares {size_bytes} bytes and reads {length} at "
            f"{offset} of {name!r}, which has {path.stat().st_size}; upload the complete files"
        )
    return path, offset, size_bytes


def _number(tensor: onnx.TensorProto, said: dict[str, str], key: str, default: int) -> int:
    text = said.get(key) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004 - 64 bits
        raise UnsafeExternalData(f"the tensor {tensor.name!r} has the {key} {text[:40]!r}")
    return int(text)
