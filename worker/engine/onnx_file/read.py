"""An ONNX file as a ModelProto without its large tensors' bytes.

The file is mapped and stepped over field by field. What is kept in memory is a model whose
initializers of at least `LARGE_BYTES` say where they lie in the file (`place`). Typed float
and double data is packed little-endian, so it is mapped like raw data. Constant nodes of that
size, which some exporters write for every weight, are turned into initializers.
"""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import onnx
from google.protobuf.message import (  # type: ignore[import-untyped] # no stubs
    DecodeError,
    Message,
)

from lathe.errors import ModelTooLarge
from lathe.packed.head.messages import DELIMITED
from lathe.packed.head.wire import opening
from worker.engine.onnx_file.place import Place, put, whole
from worker.engine.onnx_file.wire import (
    Field,
    Source,
    damaged,
    fields,
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
_NODE = 1  # in GraphProto
_ATTRIBUTE = 5  # in NodeProto
_TENSOR = 5  # in AttributeProto
M = TypeVar("M", bound=Message)
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
    """A model without the data of its large tensors, and where that lies, by the position of
    the initializer or the Constant node in the graph."""

    model: onnx.ModelProto
    places: dict[int, Place]
    constants: dict[int, Place]

    def map_in(self) -> None:
        """Let the large tensors name their places; Constant nodes become initializers."""
        graph = self.model.graph
        for position, place in self.places.items():
            put(graph.initializer[position], place)
        for position, place in self.constants.items():
            node = graph.node[position]
            tensor = graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
            put(tensor, place)
        for position in sorted(self.constants, reverse=True):
            del graph.node[position]


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
    return Skimmed(_parsed(onnx.ModelProto, message), lean.places, lean.constants)


class _Lean:
    """A model's message in the making, without what is large."""

    def __init__(self, source: Source, path: Path) -> None:
        self.source = source
        self.path = path
        self.places: dict[int, Place] = {}
        self.constants: dict[int, Place] = {}
        self.initializers = 0
        self.nodes = 0

    def model(self, begin: int, end: int) -> bytes:
        """The whole message with its graph made lean."""
        kept = bytearray()
        for part in fields(self.source, begin, end):
            if _is(part, GRAPH):
                kept += _field(GRAPH, self.graph(part))
            else:
                kept += self.source[part.begin : part.end]
        return bytes(kept)

    def graph(self, graph: Field) -> bytes:
        """The graph's message with its initializers and Constant nodes made lean."""
        kept, kept_from = bytearray(), graph.value
        for part in fields(self.source, graph.value, graph.end):
            lean = self._part(part) if part.size_bytes >= LARGE_BYTES else None
            if lean is not None:
                kept += self.source[kept_from : part.begin] + _field(part.number, lean)
                kept_from = part.end
            self.initializers += _is(part, INITIALIZER)
            self.nodes += _is(part, _NODE)
        kept += self.source[kept_from : graph.end]
        return bytes(kept)

    def _part(self, part: Field) -> bytes | None:
        """A large part of the graph made lean, its place noted; None where it stays."""
        if _is(part, INITIALIZER):
            found, places, position = self._tensor(part), self.places, self.initializers
        elif _is(part, _NODE):
            found, places, position = self._constant(part), self.constants, self.nodes
        else:
            return None
        if found is None:
            return None
        lean, places[position] = found
        return lean

    def _constant(self, node: Field) -> tuple[bytes, Place] | None:
        """A Constant node whose one attribute is one large tensor."""
        attribute = self._large(node, _ATTRIBUTE)
        tensor = self._large(attribute, _TENSOR) if attribute else None
        found = self._tensor(tensor) if tensor else None
        if attribute is None or tensor is None or found is None:
            return None
        inner = _field(_TENSOR, found[0])
        inner = self._with(attribute, tensor, inner)
        lean = self._with(node, attribute, _field(_ATTRIBUTE, inner))
        read = _parsed(onnx.NodeProto, lean)
        plain = read.op_type == "Constant" and read.domain in {"", "ai.onnx"}
        alone = len(read.output) == 1 and [a.name for a in read.attribute] == ["value"]
        return (lean, found[1]) if plain and alone else None

    def _tensor(self, tensor: Field) -> tuple[bytes, Place] | None:
        """One TensorProto without its data, where that can be told beyond doubt."""
        data = self._large(tensor)
        if data is None:
            return None
        lean = self._with(tensor, data, b"")
        if not _mappable(data, _parsed(onnx.TensorProto, lean)):
            return None
        return lean, Place(self.path, data.value, data.size_bytes)

    def _large(self, message: Field, number: int | None = None) -> Field | None:
        """The one large field of a message, there once and of this number."""
        inside = list(fields(self.source, message.value, message.end))
        large = [part for part in inside if part.size_bytes >= LARGE_BYTES]
        if len(large) != 1 or sum(part.number == large[0].number for part in inside) != 1:
            return None
        return large[0] if _is(large[0], number or large[0].number) else None

    def _with(self, message: Field, part: Field, instead: bytes) -> bytes:
        """The message's value with other bytes for one of its fields."""
        before = self.source[message.value : part.begin]
        return before + instead + self.source[part.end : message.end]


def _field(number: int, value: bytes) -> bytes:
    return opening(number, len(value)) + value


def _parsed(kind: type[M], data: bytes) -> M:
    message: M = kind()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise damaged() from error
    return message


def _mappable(data: Field, tensor: onnx.TensorProto) -> bool:
    if tensor.external_data or tensor.data_location or not _is(data, data.number):
        return False
    if data.number == RAW_DATA:
        return bool(tensor.data_type != onnx.TensorProto.STRING)
    return _TYPED.get(data.number) == tensor.data_type and not tensor.HasField("raw_data")


def _is(part: Field, number: int) -> bool:
    return part.number == number and part.wire_type == DELIMITED
