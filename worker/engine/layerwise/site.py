"""Where a weight stands in the graph, and the rows and columns it is coded in.

A weight is read as matrices (groups, rows, columns): `columns` are what one output adds up,
so the error of a row is felt through the second moments of the layer's inputs, and rows are
independent of each other.

    operator                       file                  matrices
    Conv                           (O, I/g, k...)        (g, O/g, I/g * k...)
    Gemm, transB                   (out, in)             (1, out, in)
    Gemm; MatMul on the right      (in, out)             (1, out, in)
    MatMul on the left             (m, k)                (1, m, k)
    LSTM, GRU, RNN: W and R        (d, gates*H, I or H)  (d, gates*H, I or H)
    anything else, Gather's table  (n, ...)              (1, n, rest), no inputs looked at
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import WEIGHTS
from worker.engine.graph.uses import consumers, reads

Floats = NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)
Form = Literal["convolution", "rows", "columns", "recurrent", "plain"]

RECURRENT = {"LSTM", "GRU", "RNN"}
INPUT_WEIGHT, RECURRENT_WEIGHT = 1, 2
MATRIX = 2


@dataclass(frozen=True, slots=True)
class Reader:
    """A node that multiplies by the weight at input `place`; `number` is its place in the
    graph."""

    node: onnx.NodeProto
    number: int
    place: int


@dataclass(frozen=True, slots=True)
class Site:
    """One float32 weight. `rows`: (out, in) in the file; `columns`: (in, out); `plain`: no
    inputs are looked at. Where several nodes read it, the inputs of the first one count; if
    they read it in different ways, the site is plain."""

    name: str
    shape: tuple[int, ...]
    form: Form
    groups: int
    readers: tuple[Reader, ...]

    @property
    def first(self) -> int:
        """The number of the first node that reads it."""
        return self.readers[0].number

    @property
    def elements(self) -> int:
        """How many numbers."""
        return int(np.prod(self.shape))

    def matrices(self, weight: NDArray[Scalar]) -> NDArray[Scalar]:
        """(groups, rows, columns) from the tensor as the file lays it out."""
        if self.form == "columns":
            return weight.T[None]
        if self.form == "recurrent":
            return weight
        return weight.reshape(self.groups, weight.shape[0] // self.groups, -1)

    def tensor(self, matrices: NDArray[Scalar]) -> NDArray[Scalar]:
        """The inverse of `matrices`, contiguous."""
        shaped = matrices[0].T if self.form == "columns" else matrices.reshape(self.shape)
        return np.ascontiguousarray(shaped)


def sites(model: onnx.ModelProto) -> tuple[Site, ...]:
    """Every float32 weight of rank 2 and more of the layers, in the order of their first
    readers; a weight that other nodes read as well is among them, one that is a graph output
    or read inside a sub-graph is not."""
    constants = initializers(model)
    readers = consumers(model.graph)
    outputs = {output.name for output in model.graph.output}
    found: dict[str, list[Reader]] = {}
    for number, node in enumerate(model.graph.node):
        for place in _weights(node):
            name = node.input[place]
            tensor = constants.get(name)
            if tensor is None or tensor.data_type != TensorProto.FLOAT or name in outputs:
                continue
            if len(tensor.dims) >= MATRIX and all(d > 0 for d in tensor.dims):
                found.setdefault(name, []).append(Reader(node, number, place))
    whole = {
        name: uses
        for name, uses in found.items()
        if len(uses) == len(readers[name]) and not any(_inside(r, name) for r in readers[name])
    }
    return tuple(_site(constants[name], tuple(uses)) for name, uses in whole.items())


def _weights(node: onnx.NodeProto) -> Iterator[int]:
    places = WEIGHTS.get(node.op_type, ())
    if node.op_type in RECURRENT:
        places = (INPUT_WEIGHT, RECURRENT_WEIGHT)
    yield from (place for place in places if place < len(node.input))


def _inside(node: onnx.NodeProto, name: str) -> bool:
    """Whether only a sub-graph of the node reads it."""
    return name not in node.input and name in reads(node)


def _site(tensor: onnx.TensorProto, readers: tuple[Reader, ...]) -> Site:
    shape = tuple(tensor.dims)
    forms = {_form(reader, shape) for reader in readers}
    form, groups = forms.pop() if len(forms) == 1 else ("plain", 1)
    return Site(tensor.name, shape, form, groups, readers)


def _form(reader: Reader, shape: tuple[int, ...]) -> tuple[Form, int]:
    node, said = reader.node, _attributes(reader.node)
    match node.op_type:
        case "Conv":
            return "convolution", said.get("group", 1)
        case "Gemm" if reader.place == 1 and not said.get("transA", 0):
            return ("rows", 1) if said.get("transB", 0) else ("columns", 1)
        case "MatMul" if len(shape) == MATRIX:
            return ("columns", 1) if reader.place == 1 else ("rows", 1)
        case "LSTM" | "GRU" | "RNN":
            return "recurrent", shape[0]
        case _:
            return "plain", 1


def _attributes(node: onnx.NodeProto) -> Mapping[str, int]:
    return {a.name: a.i for a in node.attribute if a.type == onnx.AttributeProto.INT}
