"""The doors of a model: names, element types, shapes and axis names of inputs and outputs."""

import onnx

from lathe.errors import UnsupportedModel
from lathe.facts import Dim, DType, IoSpec, TensorSpec

DTYPES: dict[int, DType] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.DOUBLE: "float64",
    onnx.TensorProto.BFLOAT16: "bfloat16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.UINT16: "uint16",
    onnx.TensorProto.UINT32: "uint32",
    onnx.TensorProto.UINT64: "uint64",
    onnx.TensorProto.BOOL: "bool",
    onnx.TensorProto.STRING: "string",
}


def io_spec(model: onnx.ModelProto) -> IoSpec:
    """Inputs (those that are also initializers left out) and outputs, in graph order.

    A size is an int, a symbolic axis its name, an unknown axis None. Raises
    UnsupportedModel for a value that is no tensor or whose rank is not declared.
    """
    constants = {tensor.name for tensor in model.graph.initializer}
    return IoSpec(
        inputs=tuple(_tensor(v, "input") for v in model.graph.input if v.name not in constants),
        outputs=tuple(_tensor(v, "output") for v in model.graph.output),
    )


def dims(shape: onnx.TensorShapeProto) -> tuple[Dim, ...]:
    """Sizes, axis names and Nones of a declared shape."""
    return tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
        for dim in shape.dim
    )


def _tensor(value: onnx.ValueInfoProto, role: str) -> TensorSpec:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        found = kind.removesuffix("_type") if kind else "nothing"
        raise UnsupportedModel(
            f"{role} {value.name!r} is declared as {found}, not as a tensor; export the model "
            "so that every input and output is one tensor"
        )
    tensor = value.type.tensor_type
    if tensor.elem_type not in DTYPES:
        known = {number: name for name, number in onnx.TensorProto.DataType.items()}
        name = known.get(tensor.elem_type, tensor.elem_type)
        raise UnsupportedModel(f"{role} {value.name!r} has the element type {name}")
    if not tensor.HasField("shape"):
        raise UnsupportedModel(
            f"{role} {value.name!r} declares no shape; export the model with the rank of every "
            "input and output (an axis may stay symbolic)"
        )
    return TensorSpec(name=value.name, dtype=DTYPES[tensor.elem_type], shape=dims(tensor.shape))
