"""The shape of every value, for one example."""

import onnx
from onnx import shape_inference

from lathe.facts import Dim
from worker.engine.graph.io_spec import dims

SMALL_ELEMENTS = 4096  # tensors up to this size may be shapes that inference has to read


def shapes(model: onnx.ModelProto) -> dict[str, tuple[Dim, ...]]:
    """Dims of inputs, initializers and every value that inference reaches.

    The symbolic leading axis of the inputs is taken as 1; other symbolic axes keep their
    names or become None where they cannot be followed. A value whose rank stays unknown is
    left out. The weights' data is not copied.
    """
    inferred = shape_inference.infer_shapes(_one_example(_light(model)), data_prop=True)
    graph = inferred.graph
    known = {
        value.name: dims(value.type.tensor_type.shape)
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.HasField("shape")
    }
    known.update({tensor.name: tuple(tensor.dims) for tensor in graph.initializer})
    return known


def _light(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the data of its large tensors and without recorded shapes."""
    graph = onnx.GraphProto(name=model.graph.name)
    graph.node.extend(model.graph.node)
    graph.input.extend(model.graph.input)
    graph.output.extend(model.graph.output)
    for tensor in model.graph.initializer:
        elements = 1
        for size in tensor.dims:
            elements *= size
        if elements <= SMALL_ELEMENTS:
            graph.initializer.append(tensor)
        else:
            graph.initializer.add(
                name=tensor.name, data_type=tensor.data_type, dims=tensor.dims
            )
    return onnx.ModelProto(
        ir_version=model.ir_version,
        opset_import=model.opset_import,
        functions=model.functions,
        graph=graph,
    )


def _one_example(model: onnx.ModelProto) -> onnx.ModelProto:
    constants = {tensor.name for tensor in model.graph.initializer}
    leading = [
        value.type.tensor_type.shape.dim[0]
        for value in model.graph.input
        if value.name not in constants and value.type.tensor_type.shape.dim
    ]
    names = {dim.dim_param for dim in leading if dim.dim_param}
    for dim in leading:
        if not dim.HasField("dim_value"):
            dim.dim_value = 1
    for value in (*model.graph.input, *model.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_value = 1
    return model
