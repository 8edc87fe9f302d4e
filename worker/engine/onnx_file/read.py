"""An ONNX file as a ModelProto without its large tensors' bytes.

The file is mapped and stepped over field by field. What is kept in memory is a model whose
initializers of at least `LARGE_BYTES` say where they lie in the file (`place`). Typed float
and double data is packed little-endian, so it is mapped like raw data.
"""

import mmap
from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped] # no stubs

from lathe.errors import ModelTooLarge
from worker.engine.onnx_file.place import Place, put, whole
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
TOO_MUCH_INSIDE = (
    "the model holds more than 2 GiB outside its initializers; export its weights as "
    "initializers, not as Constant nodes"
)
GRAPH = 7  # in ModelProto
INITIALIZER = 5  # in GraphProto
RAW_DATA = 9  # in TensorProto
_TYPED = {4: onnx.TensorProto.FLOAT, 10: onnx.TensorProto.DOUBLE}  # float_data, double_data


def read_model(source: Path | Place) -> onnx.ModelProto:
    """The model in a file or a part of one, large initializers mapped; the file must stay as
    it is meanwhile.

    Tensors that the file itself keeps elsewhere, and those in node attributes and subgraphs,
    are left as they are: read a stranger's file with `skim`, which tells both apart. Raises
    CorruptModel, and ModelTooLarge where more than 2 GiB are left when the large initializers
    are taken out.
    """
    skimmed = skim(source)
    skimmed.map_in()
    return skimmed.model


@dataclass(slots=True)
class Skimmed:
    """A model without the data of its large initializers, and where that lies, by the
    initializer's position in the graph."""

    model: onnx.ModelProto
    places: dict[int, Place]

    def map_in(self) -> None:
        """Let the large initializers name their places."""
        for position, place in self.places.items():
            put(self.model.graph.initializer[position], place)


def skim(source: Path | Place) -> Skimmed:
    """`read_model` before anything is mapped: what is external then is so by the file's own
    word and was checked by nobody."""
    place = whole(source) if isinstance(source, Path) else source
    if place.size_bytes == 0:
        raise damaged()
    with (
        place.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        lean = _Lean(mapped, place.path)
        message = lean.model(place.offset, place.offset + place.size_bytes)
    if len(message) > MOST_BYTES:
        raise ModelTooLarge(TOO_MUCH_INSIDE)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(message)
    except DecodeError as error:
        raise damaged() from error
    return Skimmed(model, lean.places)


class _Lean:
    """A model's message in the making, without what is large."""

    def __init__(self, source: Source, path: Path) -> None:
        self.source = source
        self.path = path
        self.places: dict[int, Place] = {}
        self.initializers = 0

    def model(self, begin: int, end: int) -> bytes:
        """The whole message with its graph made lean."""
        kept = bytearray()
        for part in fields(self.source, begin, end):
            if _is(part, GRAPH):
                graph = self.graph(part)
                kept += opening(GRAPH, len(graph)) + graph
            else:
                kept += self.source[part.begin : part.end]
        return bytes(kept)

    def graph(self, graph: Field) -> bytes:
        """The graph's message with its initializers made lean."""
        kept, kept_from = bytearray(), graph.value
        for part in fields(self.source, graph.value, graph.end):
            if not _is(part, INITIALIZER):
                continue
            if part.size_bytes >= LARGE_BYTES:
                tensor = self.tensor(part)
                kept += self.source[kept_from : part.begin]
                kept += opening(INITIALIZER, len(tensor)) + tensor
                kept_from = part.end
            self.initializers += 1
        kept += self.source[kept_from : graph.end]
        return bytes(kept)

    def tensor(self, initializer: Field) -> bytes:
        """One TensorProto; as it was where its large part cannot be told beyond doubt."""
        inside = list(fields(self.source, initializer.value, initializer.end))
        large = [part for part in inside if part.size_bytes >= LARGE_BYTES]
        if len(large) != 1 or sum(part.number == large[0].number for part in inside) != 1:
            return self.source[initializer.value : initializer.end]
        data = large[0]
        lean = (
            self.source[initializer.value : data.begin]
            + self.source[data.end : initializer.end]
        )
        tensor = onnx.TensorProto()
        try:
            tensor.ParseFromString(lean)
        except DecodeError as error:
            raise damaged() from error
        if not _mappable(data, tensor):
            return self.source[initializer.value : initializer.end]
        self.places[self.initializers] = Place(self.path, data.value, data.size_bytes)
        return lean


def _mappable(data: Field, tensor: onnx.TensorProto) -> bool:
    if tensor.external_data or tensor.data_location or not _is(data, data.number):
        return False
    if data.number == RAW_DATA:
        return bool(tensor.data_type != onnx.TensorProto.STRING)
    return _TYPED.get(data.number) == tensor.data_type and not tensor.HasField("raw_data")


def _is(part: Field, number: int) -> bool:
    return part.number == number and part.wire_type == LENGTH_DELIMITED
