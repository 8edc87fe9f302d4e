"""Gemms with a transposed weight, stood upright before onnxruntime's quantizer does it.

`quantize_dynamic` makes MatMul and Add of every Gemm that only multiplies and adds, excluded
ones too, and turns a transposed weight in place without asking who else reads it (onnxruntime
1.31): a table tied to an output layer, or a layer used twice, then holds other numbers for its
other readers. So here such a weight is turned first, under a name of its own where others read
it as it was.
"""

import onnx
from onnx import TensorProto, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped
from worker.engine.optimize.names import fresh
from worker.engine.quantize.original import Original

SUFFIX = "_transposed"
PLAIN = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}
DEFAULTS = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}


def upright(model: onnx.ModelProto) -> dict[str, Original]:
    """Turn the weights of all Gemms that the quantizer would turn, in place.

    The numbers of large float weights are not moved: such a weight keeps its place in the file
    and is returned by name, to be read transposed. Until then only its dims are right.
    """
    graph = model.graph
    constants, readers = initializers(model), consumers(graph)
    handed_out = {output.name for output in graph.output}
    turned: dict[str, Original] = {}
    done: dict[str, str] = {}
    for node in graph.node:
        if not _leaning(node) or (name := node.input[1]) not in constants:
            continue
        if name not in done:
            alone = name not in handed_out and all(
                _leaning(reader) and list(reader.input).index(name) == 1
                for reader in readers[name]
            )
            done[name] = name if alone else fresh(graph, name + SUFFIX)
            tensor, original = _turned(constants[name], done[name])
            if alone:
                constants[name].CopyFrom(tensor)
            else:
                graph.initializer.append(tensor)
            if original is not None:
                turned[done[name]] = original
        node.input[1] = done[name]
        kept = [a for a in node.attribute if a.name != "transB"]
        del node.attribute[:]
        node.attribute.extend(kept)
    return turned


def _leaning(node: onnx.NodeProto) -> bool:
    """Whether the quantizer would turn the second input of this node."""
    if node.op_type != "Gemm":
        return False
    said = {a.name: a.f if a.name in {"alpha", "beta"} else a.i for a in node.attribute}
    return DEFAULTS | said == PLAIN


def _turned(tensor: onnx.TensorProto, name: str) -> tuple[onnx.TensorProto, Original | None]:
    if not is_mapped(tensor) or tensor.data_type != TensorProto.FLOAT:
        return numpy_helper.from_array(array(tensor).T.copy(), name), None
    original = onnx.TensorProto()
    original.CopyFrom(tensor)
    placeholder = onnx.TensorProto()
    placeholder.CopyFrom(tensor)
    placeholder.name = name
    placeholder.dims[:] = tuple(tensor.dims)[::-1]
    return placeholder, Original(original, turned=True)
