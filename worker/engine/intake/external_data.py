"""Tensors that lie beside the ONNX file are found inside the upload, and nowhere else."""

from pathlib import PurePosixPath

import onnx

from lathe.errors import ModelTooLarge, UnsafeExternalData
from worker.engine.intake.archive import ArchiveRefusedError, plain_name
from worker.engine.intake.tensors import declared_bytes, inner_tensors, type_name
from worker.engine.onnx_file.place import Place, put
from worker.engine.onnx_file.read import LARGE_BYTES, MOST_BYTES, TOO_MUCH_INSIDE

Files = dict[str, Place]


def bring_in(model: onnx.ModelProto, base: str, files: Files) -> None:
    """Give every external tensor of an unchecked model its bytes, in place.

    `base` is the folder of the ONNX file inside the archive, `files` what the archive holds.
    Large initializers are mapped where they lie, everything else is read. Raises
    UnsafeExternalData for a place outside the archive or beyond a file's end, and
    ModelTooLarge before more than 2 GiB would be read.
    """
    read: list[tuple[onnx.TensorProto, Place]] = []
    for tensor in model.graph.initializer:
        if is_external(tensor):
            place = _place(tensor, base, files)
            if place.size_bytes >= LARGE_BYTES:
                put(tensor, place)
            else:
                read.append((tensor, place))
    read += [(t, _place(t, base, files)) for t in inner_tensors(model) if is_external(t)]
    if model.ByteSize() + sum(place.size_bytes for _, place in read) > MOST_BYTES:
        raise ModelTooLarge(TOO_MUCH_INSIDE)
    for tensor, place in read:
        with place.path.open("rb") as file:
            file.seek(place.offset)
            tensor.raw_data = file.read(place.size_bytes)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the tensor's data is said to lie elsewhere, in whichever way."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL or bool(tensor.external_data)


def _place(tensor: onnx.TensorProto, base: str, files: Files) -> Place:
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = said.get("location", "")
    try:
        name = plain_name(location)
    except ArchiveRefusedError as error:
        raise UnsafeExternalData(
            f"the tensor {tensor.name!r} names the place {location[:100]!r}, which is not a "
            "plain path inside the archive; save the model with its data beside it"
        ) from error
    file = files.get(str(PurePosixPath(base) / name))
    if file is None:
        raise UnsafeExternalData(
            f"the tensor {tensor.name!r} wants {name!r}, which is not in the upload; upload a "
            "zip that holds the .onnx file and its data files, as the exporter wrote them"
        )
    if type_name(tensor) == "STRING":
        raise UnsafeExternalData(f"the tensor {tensor.name!r} keeps text in an external file")
    size_bytes = declared_bytes(tensor)
    offset = _number(tensor, said, "offset", 0)
    length = _number(tensor, said, "length", size_bytes)
    if length != size_bytes or offset + length > file.size_bytes:
        raise UnsafeExternalData(
            f"the tensor {tensor.name!r} declares {size_bytes} bytes and reads {length} at "
            f"{offset} of {name!r}, which has {file.size_bytes}; upload the complete files"
        )
    return Place(file.path, file.offset + offset, size_bytes)


def _number(tensor: onnx.TensorProto, said: dict[str, str], key: str, default: int) -> int:
    text = said.get(key) or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 20):  # noqa: PLR2004 - 64 bits
        raise UnsafeExternalData(f"the tensor {tensor.name!r} has the {key} {text[:40]!r}")
    return int(text)
