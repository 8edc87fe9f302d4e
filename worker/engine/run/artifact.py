"""The file that people download: the doors of the upload, and no byte that nothing reads.

Doors: names, order, element types, sizes and axis names of inputs and outputs are those of
the upload; a batch size that the upload fixed is fixed again. Dropped are recorded shapes of
inner values, doc strings, metadata, constants and operator sets that no node uses. Numbers
are stored as raw bytes: onnx's typed fields spend up to ten bytes on one negative int8. The
file format's version is the oldest that the operator sets allow, so older runtimes read it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import helper, numpy_helper, version_converter

from lathe.errors import EffectLost, StepImpossible, UnsupportedModel
from lathe.facts import IoSpec, TensorSpec
from lathe.job import OnnxOutput
from worker.engine.gate import same_function
from worker.engine.graph.io_spec import io_spec
from worker.engine.graph.operators import every_node, qualified
from worker.engine.graph.uses import reads
from worker.engine.intake.runtime import check_loadable
from worker.engine.probe import random_inputs
from worker.engine.session import open_session

STANDARD = {"", "ai.onnx"}
PROBED_TOGETHER = 2  # examples that the converted model is compared on
OLDEST_IR = 8  # the first with functions


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file."""

    path: Path
    size_bytes: int
    sha256: str


def write_artifact(
    model: onnx.ModelProto, io: IoSpec, output: OnnxOutput, path: Path
) -> Written:
    """Write `model` with the doors `io` to `path`, byte for byte the same for the same model.

    `model` itself stays as it is. Raises StepImpossible where the opset asked for cannot be
    reached. That onnxruntime loads the file is part of the promise: its error is not caught.
    """
    finished = at_opset(slim(model), output.opset)
    _set_doors(finished, io)
    _set_format(finished)
    data = finished.SerializeToString(deterministic=True)
    path.write_bytes(data)
    open_session(path)
    return Written(path, len(data), hashlib.sha256(data).hexdigest())


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


def at_opset(model: onnx.ModelProto, opset: int | None) -> onnx.ModelProto:
    """`model` in the standard operator set `opset` (None: as it is).

    onnx's converter refuses or mistranslates what it does not know. So operators outside the
    standard set are refused before it is asked, and its result has to compute the same.
    """
    current = next(i.version for i in model.opset_import if i.domain in STANDARD)
    if opset is None or opset == current:
        return model
    strange = sorted(
        {qualified(n) for n in every_node(model.graph) if n.domain not in STANDARD}
    )
    if strange:
        raise StepImpossible(
            f"the result uses {', '.join(strange)}, which no standard opset has, so it cannot "
            f"be converted to opset {opset}; leave opset out, or quantize with format qdq",
            param="outputs.opset",
        )
    try:
        converted = version_converter.convert_version(model, opset)
        _set_format(converted)
        onnx.checker.check_model(converted)
        check_loadable(converted)
        same_function(model, converted, random_inputs(model, PROBED_TOGETHER, seed=0))
    except (RuntimeError, onnx.checker.ValidationError, EffectLost, UnsupportedModel) as error:
        raise StepImpossible(
            f"the result cannot be converted from opset {current} to {opset}: "
            f"{str(error).strip().splitlines()[0]}; leave opset out or ask for a later one",
            param="outputs.opset",
        ) from error
    return slim(converted)


def _set_format(model: onnx.ModelProto) -> None:
    """The oldest version of the file format that the operator sets allow, in place."""
    needed = helper.find_min_ir_version_for(model.opset_import, ignore_unknown=True)
    model.ir_version = max(OLDEST_IR, needed)


def _set_doors(model: onnx.ModelProto, io: IoSpec) -> None:
    """Declare the doors of the upload, in place; a name or type that differs is a bug."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    for values, wanted in ((inputs, io.inputs), (model.graph.output, io.outputs)):
        for value, spec in zip(values, wanted, strict=True):
            _declare(value, spec)
    if io_spec(model) != io:
        raise RuntimeError(f"the result's doors are {io_spec(model)}, the upload's are {io}")


def _declare(value: onnx.ValueInfoProto, spec: TensorSpec) -> None:
    shape = value.type.tensor_type.shape
    shape.ClearField("dim")
    for size in spec.shape:
        match size:
            case int():
                shape.dim.add(dim_value=size)
            case str():
                shape.dim.add(dim_param=size)
            case None:
                shape.dim.add()


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
    """The same tensor without doc string, its numbers in `raw_data`; strings stay typed."""
    if tensor.HasField("raw_data") or tensor.data_type == onnx.TensorProto.STRING:
        same = onnx.TensorProto()
        same.CopyFrom(tensor)
        same.ClearField("doc_string")
        same.ClearField("metadata_props")
        return same
    raw = numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name)
    raw.data_type = tensor.data_type
    return raw
