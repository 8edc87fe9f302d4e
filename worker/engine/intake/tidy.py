"""What the file carries beside its function is set in order; the function does not change."""

import onnx
from onnx import helper, numpy_helper

from lathe.errors import CorruptModel
from worker.engine.graph.operators import every_node

IR_VERSION = 10  # read by onnxruntime 1.18 and newer
IR_VERSION_BY_OPSET = {24: 11, 25: 12, 26: 13}  # newer opsets need newer formats
MAX_DENSE_ELEMENTS = 1 << 28


def tidy(model: onnx.ModelProto) -> None:
    """Set the format version, drop notes and recorded shapes, name every node, in place.

    Initializers stop being inputs, sparse ones become dense. Names of values, inputs,
    outputs and initializers are kept; a missing or doubled node name is replaced.
    """
    opset = max(
        (e.version for e in model.opset_import if e.domain in {"", "ai.onnx"}), default=0
    )
    model.ir_version = IR_VERSION_BY_OPSET.get(opset, IR_VERSION)
    model.doc_string = ""
    graph = model.graph
    graph.doc_string = ""
    graph.name = graph.name or "model"
    for notes in (graph.metadata_props, graph.value_info, graph.quantization_annotation):
        del notes[:]
    for sparse in graph.sparse_initializer:
        graph.initializer.append(_dense(sparse))
    del graph.sparse_initializer[:]
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    del graph.input[:]
    graph.input.extend(inputs)
    taken = {node.name for node in every_node(graph)}
    seen: set[str] = set()
    for node in every_node(graph):
        node.doc_string = ""
        del node.metadata_props[:]
        if not node.name or node.name in seen:
            node.name = _free_name(node, taken)
            taken.add(node.name)
        seen.add(node.name)


def _free_name(node: onnx.NodeProto, taken: set[str]) -> str:
    """The operator and the first value it makes: the same for the same graph."""
    made = next((name for name in node.output if name), "nothing")
    name, count = f"{node.op_type}:{made}", 1
    while name in taken:
        count += 1
        name = f"{node.op_type}:{made}:{count}"
    return name


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    """The same tensor with every element written out."""
    elements = 1
    for dim in sparse.dims:
        elements *= dim
    if elements > MAX_DENSE_ELEMENTS or min(sparse.dims, default=0) < 0:
        raise CorruptModel(
            f"the sparse tensor {sparse.values.name!r} unfolds to {elements} elements; "
            "export it as a dense one"
        )
    values = numpy_helper.to_array(sparse.values)
    places = numpy_helper.to_array(sparse.indices)
    if places.ndim > 1:
        places = places @ _strides(list(sparse.dims))
    if places.shape != values.shape or places.min(initial=0) < 0:
        raise CorruptModel(f"the sparse tensor {sparse.values.name!r} has broken indices")
    if places.max(initial=-1) >= elements:
        raise CorruptModel(f"the sparse tensor {sparse.values.name!r} has broken indices")
    flat = helper.make_tensor("", sparse.values.data_type, [0], b"", raw=True)
    dense = numpy_helper.to_array(flat).copy()
    dense.resize(elements, refcheck=False)
    dense[places] = values
    return numpy_helper.from_array(dense.reshape(list(sparse.dims)), sparse.values.name)


def _strides(dims: list[int]) -> list[int]:
    strides = [1]
    for dim in reversed(dims[1:]):
        strides.insert(0, strides[0] * dim)
    return strides
