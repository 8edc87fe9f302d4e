"""What the importer reads off the ONNX graph before it builds: constants, uses, shapes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, shape_inference
from onnx.defs import onnx_opset_version

from lathe.facts import Dim
from worker.engine.graph.io_spec import dims
from worker.engine.graph.parameters import FLOATS
from worker.engine.graph.uses import producers
from worker.engine.onnx_file.array import array

SMALL_ELEMENTS = 4096  # tensors up to this size may be shapes that inference has to read
STATISTICS = {("BatchNormalization", 3), ("BatchNormalization", 4)}  # copied, never trained
SWAP = [1, 0]
MATRIX_RANK = 2
Role = tuple[str, int, bool]


@dataclass(frozen=True, slots=True)
class Origin:
    """The stored constant behind a value, and whether the value is its transpose."""

    name: str
    transposed: bool = False


class Source:
    """A model as the importer asks about it. `model` is not changed."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        standard = (i.version for i in model.opset_import if i.domain in {"", "ai.onnx"})
        self.opset = next(standard, onnx_opset_version())
        self.tensors = stored(model)
        self.outputs = [value.name for value in model.graph.output]
        self.inputs = [v.name for v in model.graph.input if v.name not in self.tensors]
        self.shapes = _shapes(model)
        self.origins = {name: Origin(name) for name in self.tensors}
        self.makers = producers(model.graph)
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        self._roles: dict[str, set[Role]] = {}
        for node in model.graph.node:
            self._read(node)
        for name in self.outputs:
            self._note(name, ("output", 0, False))

    def array(self, name: str) -> NDArray[np.generic] | None:
        """The constant behind `name`, transposed where the graph transposes it."""
        origin = self.origins.get(name)
        if origin is None:
            return None
        values = array(self.tensors[origin.name])
        return values.T if origin.transposed else values

    def is_float(self, name: str) -> bool:
        """Whether the constant behind `name` holds floats."""
        return self.tensors[self.origins[name].name].data_type in FLOATS

    def one_role(self, origin: str) -> bool:
        """Whether all readers of a constant use it alike, so that it can live in modules."""
        return len(self._roles.get(origin, ())) <= 1

    def rank(self, name: str) -> int | None:
        """How many axes a value has, where inference knows it."""
        shape = self.shapes.get(name)
        return None if shape is None else len(shape)

    def _read(self, node: onnx.NodeProto) -> None:
        for name in node.input:
            self.readers.setdefault(name, []).append(node)
        first = self.origins.get(node.input[0]) if node.input else None
        if first is not None and (alias := self._alias(node, first)) is not None:
            self.origins[node.output[0]] = alias
            return
        flipped = any(a.name == "transB" and a.i for a in node.attribute)
        for place, name in enumerate(node.input):
            if (node.op_type, place) not in STATISTICS:
                self._note(name, (node.op_type, place, flipped))

    def _note(self, name: str, role: Role) -> None:
        if (origin := self.origins.get(name)) is not None:
            kind, place, flipped = role
            self._roles.setdefault(origin.name, set()).add(
                (kind, place, flipped != origin.transposed)
            )

    def _alias(self, node: onnx.NodeProto, of: Origin) -> Origin | None:
        """What the output stands for, where the node only passes a constant on."""
        tensor = self.tensors[of.name]
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        match node.op_type:
            case "Identity":
                return of
            case "Cast" if {tensor.data_type, attributes["to"]} <= FLOATS:
                return of
            case "Transpose" if len(tensor.dims) == MATRIX_RANK and tensor.data_type in FLOATS:
                swap = list(attributes.get("perm", SWAP)) == SWAP
                return Origin(of.name, of.transposed != swap)
            case _:
                return None


def stored(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Tensors in the file by name: initialisers and values of Constant nodes. No copies."""
    constants = {
        node.output[0]: attribute.t
        for node in model.graph.node
        if node.op_type == "Constant"
        for attribute in node.attribute
        if attribute.name == "value"
    }
    return constants | {tensor.name: tensor for tensor in model.graph.initializer}


def _shapes(model: onnx.ModelProto) -> dict[str, tuple[Dim, ...]]:
    """Dims of every value that inference reaches; symbolic axes keep their names."""
    light = onnx.ModelProto(
        ir_version=model.ir_version, opset_import=model.opset_import, functions=model.functions
    )
    light.graph.name = model.graph.name
    light.graph.node.extend(model.graph.node)
    light.graph.input.extend(model.graph.input)
    light.graph.output.extend(model.graph.output)
    light.graph.initializer.extend(_light(model))
    graph = shape_inference.infer_shapes(light, data_prop=True).graph
    known = {
        value.name: dims(value.type.tensor_type.shape)
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    return known | {name: tuple(t.dims) for name, t in stored(model).items()}


def _light(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The initialisers, large ones without their data."""
    for tensor in model.graph.initializer:
        if int(np.prod(tensor.dims)) <= SMALL_ELEMENTS:
            yield tensor
        else:
            yield onnx.TensorProto(
                name=tensor.name, data_type=tensor.data_type, dims=tensor.dims
            )
