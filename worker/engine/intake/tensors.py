"""Every tensor of a model, wherever it hides, its declared size checked against its data."""

import math
from collections.abc import Iterator

import onnx

from lathe.errors import CorruptModel
from worker.engine.graph.operators import subgraphs
from worker.engine.onnx_file.place import is_mapped, place_of

MAX_ELEMENTS = 1 << 40
BITS = {
    "FLOAT": 32, "INT32": 32, "UINT32": 32, "DOUBLE": 64, "INT64": 64, "UINT64": 64,
    "COMPLEX64": 64, "COMPLEX128": 128, "FLOAT16": 16, "BFLOAT16": 16, "INT16": 16,
    "UINT16": 16, "INT8": 8, "UINT8": 8, "BOOL": 8, "FLOAT8E4M3FN": 8, "FLOAT8E4M3FNUZ": 8,
    "FLOAT8E5M2": 8, "FLOAT8E5M2FNUZ": 8, "FLOAT8E8M0": 8, "INT4": 4, "UINT4": 4,
    "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2,
}  # fmt: skip
COMPLEX = {"COMPLEX64", "COMPLEX128"}  # two numbers an element in the typed field
TYPED = {
    "FLOAT": "float_data", "COMPLEX64": "float_data", "DOUBLE": "double_data",
    "COMPLEX128": "double_data", "INT64": "int64_data", "UINT64": "uint64_data",
    "UINT32": "uint64_data",
}  # fmt: skip


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Initializers, sparse ones' parts and tensor attributes, of inner graphs too."""
    yield from graph.initializer
    yield from sparse_tensors(graph)
    yield from node_tensors(graph.node)


def sparse_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The parts of the graph's sparse initializers."""
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def node_tensors(nodes: Iterator[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    """Tensors in the attributes of these nodes and in the graphs they hold."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for sparse in (
                *attribute.sparse_tensors,
                *([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else ()),
            ):
                yield from (sparse.values, sparse.indices)
        for inner in subgraphs(node):
            yield from tensors(inner)


def every_tensor(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All of them, those in the model's local functions included."""
    yield from model.graph.initializer
    yield from inner_tensors(model)


def inner_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All but the initializers of the main graph."""
    yield from sparse_tensors(model.graph)
    yield from node_tensors(model.graph.node)
    for function in model.functions:
        yield from node_tensors(function.node)


def declared_bytes(tensor: onnx.TensorProto) -> int:
    """What the dims and the element type say that the data takes; raises CorruptModel."""
    kind = type_name(tensor)
    if any(dim < 0 for dim in tensor.dims) or math.prod(tensor.dims) > MAX_ELEMENTS:
        raise CorruptModel(
            f"the tensor {tensor.name!r} declares the impossible shape {list(tensor.dims)}; "
            "export the model again"
        )
    if kind not in BITS:
        raise CorruptModel(
            f"the tensor {tensor.name!r} has the element type {kind}, which is not read here"
        )
    return -(-int(math.prod(tensor.dims)) * BITS[kind] // 8)


def check_declared(tensor: onnx.TensorProto) -> None:
    """Raise CorruptModel unless the tensor holds just as much data as it declares."""
    kind = type_name(tensor)
    if tensor.HasField("segment"):
        raise CorruptModel(
            f"the tensor {tensor.name!r} is one segment of several, which no runtime reads; "
            "export the model again"
        )
    if kind == "STRING":
        if len(tensor.string_data) != math.prod(tensor.dims):
            raise _mismatch(tensor, len(tensor.string_data), math.prod(tensor.dims), "strings")
        return
    expected_bytes = declared_bytes(tensor)
    if is_mapped(tensor):
        if place_of(tensor).size_bytes != expected_bytes:
            raise _mismatch(tensor, place_of(tensor).size_bytes, expected_bytes, "bytes")
        return
    if tensor.HasField("raw_data"):
        if len(tensor.raw_data) != expected_bytes:
            raise _mismatch(tensor, len(tensor.raw_data), expected_bytes, "bytes")
        return
    elements = math.prod(tensor.dims) * (2 if kind in COMPLEX else 1)
    if BITS[kind] < 8:  # noqa: PLR2004 - packed into bytes, one byte an entry
        elements = expected_bytes
    found = len(getattr(tensor, TYPED.get(kind, "int32_data")))
    if found != elements:
        raise _mismatch(tensor, found, elements, "elements")


def type_name(tensor: onnx.TensorProto) -> str:
    """`FLOAT`, `INT64`, ... or the number that this release does not know."""
    known = onnx.TensorProto.DataType.values()
    if tensor.data_type not in known:
        return str(tensor.data_type)
    return str(onnx.TensorProto.DataType.Name(tensor.data_type))


def _mismatch(tensor: onnx.TensorProto, found: int, expected: int, unit: str) -> CorruptModel:
    return CorruptModel(
        f"the tensor {tensor.name!r} declares {list(tensor.dims)} ({expected} {unit}) "
        f"but holds {found} {unit}; upload the complete file"
    )
