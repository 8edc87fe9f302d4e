"""What the file carries beside its function is set in order; the function does not change."""

import onnx

from worker.engine.graph.operators import every_node

IR_VERSION = 10  # read by onnxruntime 1.18 and newer
IR_VERSION_BY_OPSET = {24: 11, 25: 12, 26: 13}  # newer opsets need newer formats


def tidy(model: onnx.ModelProto) -> None:
    """Set the format version, drop notes and recorded shapes, name every node, in place.

    Initializers stop being inputs. Names of values, inputs, outputs and initializers are
    kept; a missing or doubled node name is replaced.
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
