"""A model over 2 GiB as people get it: a tar of `model.onnx` and its external data.

No tool but this room reads a single .onnx file beyond what protobuf parses. So the weights lie
in `model.onnx.data` beside the graph, each at a multiple of 4096 bytes, as ONNX says (IR.md,
"External Tensor Data") and as runtimes map them; the tar is not compressed, so both are read
where they lie.
"""

import io
import tarfile
from pathlib import Path

import onnx

from worker.engine.onnx_file.place import Place, is_mapped, place_of, put
from worker.engine.onnx_file.read import read_model
from worker.engine.onnx_file.wire import damaged
from worker.engine.onnx_file.write import pour

SUFFIX = ".tar"
GRAPH, DATA = "model.onnx", "model.onnx.data"
PAGE_BYTES = 4096


def write_bundle(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to the new tar `path`, byte for byte the same for the same model."""
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    places: list[tuple[int, Place]] = []
    end = 0
    for tensor in graph.graph.initializer:
        if not is_mapped(tensor):
            continue
        data = place_of(tensor)
        start = end + -end % PAGE_BYTES
        places.append((start, data))
        end = start + data.size_bytes
        del tensor.external_data[:]
        for key, value in (("location", DATA), ("offset", start), ("length", data.size_bytes)):
            tensor.external_data.add(key=key, value=str(value))
    skeleton = graph.SerializeToString(deterministic=True)
    with path.open("xb") as file:
        file.write(_header(GRAPH, len(skeleton)))
        file.write(skeleton)
        _fill(file)
        file.write(_header(DATA, end))
        begin = file.tell()
        for start, data in places:
            file.write(b"\0" * (begin + start - file.tell()))
            pour(file, data)
        _fill(file)
        file.write(b"\0" * (2 * tarfile.BLOCKSIZE))


def read_artifact(path: Path) -> onnx.ModelProto:
    """A model file that Lathe wrote, a single one or a bundle, large tensors mapped."""
    if path.suffix != SUFFIX:
        return read_model(path)
    with tarfile.open(path, "r:") as archive:
        parts = {part.name: part for part in archive}
        skeleton = archive.extractfile(parts[GRAPH])
        if skeleton is None:
            raise damaged()
        model = onnx.ModelProto()
        model.ParseFromString(skeleton.read())
    for tensor in model.graph.initializer:
        if is_mapped(tensor):
            inside = place_of(tensor)
            begin = parts[DATA].offset_data + inside.offset
            put(tensor, Place(path, begin, inside.size_bytes))
    return model


def _header(name: str, size_bytes: int) -> bytes:
    """Of a plain file without owner or date; GNU's form counts beyond 8 GiB."""
    part = tarfile.TarInfo(name)
    part.size = size_bytes
    return part.tobuf(tarfile.GNU_FORMAT)


def _fill(file: io.BufferedWriter) -> None:
    file.write(b"\0" * (-file.tell() % tarfile.BLOCKSIZE))
