"""A float16 network becomes a float32 one between float16 doors.

Every technique computes in float32, and so does onnxruntime on a CPU. Inputs and outputs keep
their type: a Cast stands behind each of them.
"""

import onnx
from onnx import helper, numpy_helper

from worker.engine.graph.operators import subgraphs
from worker.engine.intake.rename import rename_reads
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.spill import Spill

HALF, SINGLE = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
TYPES = {"to", "dtype", "output_dtype"}  # attributes that name an element type


def holds_half(model: onnx.ModelProto) -> bool:
    """Whether a weight is stored as float16."""
    return any(tensor.data_type == HALF and tensor.dims for tensor in model.graph.initializer)


def widened(model: onnx.ModelProto, spill: Spill) -> onnx.ModelProto:
    """A copy of `model` that computes in float32; its weights go to `spill`, one at a time."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    _widen(wide.graph, spill)
    _doors(wide.graph)
    return wide


def _widen(graph: onnx.GraphProto, spill: Spill) -> None:
    """Constants, types in attributes, and the bodies of branches and loops."""
    for tensor in graph.initializer:
        if tensor.data_type == HALF:
            tensor.CopyFrom(spill.tensor(tensor.name, array(tensor).astype("f4")))
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in TYPES and attribute.i == HALF:
                attribute.i = SINGLE
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == HALF:
                values = array(attribute.t).astype("f4")
                attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))
        for inner in subgraphs(node):
            _widen(inner, spill)
            for value in (*inner.input, *inner.output, *inner.value_info):
                if value.type.tensor_type.elem_type == HALF:
                    value.type.tensor_type.elem_type = SINGLE


def _doors(graph: onnx.GraphProto) -> None:
    """A Cast behind every float16 input and output, in place."""
    inputs = [v.name for v in graph.input if v.type.tensor_type.elem_type == HALF]
    outputs = [v.name for v in graph.output if v.type.tensor_type.elem_type == HALF]
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    inside = {name: _free(f"{name}/float32", taken) for name in (*inputs, *outputs)}
    rename_reads(graph, inside)
    for node in graph.node:
        for place, name in enumerate(node.output):
            node.output[place] = inside.get(name, name)
    nodes = [helper.make_node("Cast", [n], [inside[n]], to=SINGLE) for n in inputs]
    nodes += list(graph.node)
    nodes += [helper.make_node("Cast", [inside[n]], [n], to=HALF) for n in outputs]
    del graph.node[:]
    graph.node.extend(nodes)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
