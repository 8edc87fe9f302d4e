"""A model without the bytes that nothing reads."""

from collections.abc import Iterator

import onnx
from onnx import numpy_helper

from worker.engine.graph.operators import every_node
from worker.engine.graph.uses import reads
from worker.engine.onnx_file.place import is_mapped

STANDARD = {"", "ai.onnx"}


def slim(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without what only costs bytes; nodes, their names and weights' names stay."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.ClearField("doc_string")
    copy.ClearField("metadata_props")
    used = {node.domain for node in every_node(copy.graph)}
    used |= {node.domain for function in copy.functions for node in function.node}
    imports = [i for i in copy.opset_import if i.domain in used | STANDARD]
    del copy.opset_import[:]
    copy.opset_import.extend(imports)
    for graph in _graphs(copy.graph):
        _slim_graph(graph)
    return copy


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and every graph inside its nodes' attributes."""
    yield graph
    for node in every_node(graph):
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield attribute.g
            yield from attribute.graphs


def _slim_graph(graph: onnx.GraphProto) -> None:
    for field in ("value_info", "doc_string", "metadata_props", "quantization_annotation"):
        graph.ClearField(field)
    for value in (*graph.input, *graph.output, *graph.node):
        value.ClearField("doc_string")
        value.ClearField("metadata_props")
    for node in graph.node:
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
    read = {name for node in graph.node for name in reads(node)}
    read |= {value.name for value in (*graph.input, *graph.output)}
    kept = [_raw(tensor) for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _raw(tensor: onnx.TensorProto) -> onnx.TensorProto:
    """The same tensor without doc string, its numbers in `raw_data` or in a file; strings stay
    typed."""
    stays = tensor.HasField("raw_data") or tensor.data_type == onnx.TensorProto.STRING
    if stays or is_mapped(tensor):
        same = onnx.TensorProto()
        same.CopyFrom(tensor)
        same.ClearField("doc_string")
        same.ClearField("metadata_props")
        return same
    raw = numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name)
    raw.data_type = tensor.data_type
    return raw
