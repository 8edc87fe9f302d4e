"""What depends on constants alone becomes a constant.

A weight that reaches its layer through such nodes (a Transpose, a Cast) keeps its name.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

from worker.engine.graph.operators import subgraphs
from worker.engine.graph.shapes import shapes
from worker.engine.graph.uses import consumers
from worker.engine.intake.rename import rename_reads
from worker.engine.onnx_file.spill import Spill
from worker.engine.session import open_session, run

GROUP_ELEMENTS = 1 << 24  # computed at once
GROWTH_ELEMENTS = 1 << 20  # by which one constant may exceed what it is computed from
NEVER_FOLDED = {
    "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial",
    "Bernoulli", "QuantizeLinear", "DequantizeLinear", "Loop", "If", "Scan",
}  # fmt: skip


@dataclass(slots=True)
class _Plan:
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    sources: dict[str, frozenset[str]] = field(default_factory=dict)  # constant -> initializers
    elements: dict[str, int] = field(default_factory=dict)  # of each constant


def fold_constants(model: onnx.ModelProto, spill: Spill) -> None:
    """Replace constant sub-graphs by initializers, in place; large ones go to `spill`.

    Sizes are worked out before anything is computed: a constant that would exceed its
    sources by more than 2^20 elements stays computed at run time.
    """
    _lift_constant_nodes(model, spill)
    plan = _plan(model)
    if not plan.nodes:
        return
    values = _compute(model, plan, spill)
    folded = {id(node) for node in plan.nodes}
    kept = [node for node in model.graph.node if id(node) not in folded]
    names = _weights_keep_their_names(model, plan, values)
    read_elsewhere = set(names.values())
    tensors = [t for t in model.graph.initializer if t.name not in read_elsewhere]
    for name, tensor in values.items():
        tensor.name = names.get(name, name)
        tensors.append(tensor)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(tensors)
    rename_reads(model.graph, names)


def _lift_constant_nodes(model: onnx.ModelProto, spill: Spill) -> None:
    graph, kept = model.graph, []
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        value = _constant(node) if node.op_type == "Constant" else None
        if value is None or node.output[0] in outputs:
            kept.append(node)
        else:
            value.name = node.output[0]
            spill.take(value)
            graph.initializer.append(value)
    del graph.node[:]
    graph.node.extend(kept)


def _constant(node: onnx.NodeProto) -> onnx.TensorProto | None:
    attribute = node.attribute[0]
    match attribute.name:
        case "value":
            tensor: onnx.TensorProto = attribute.t
            return tensor
        case "value_float" | "value_floats":
            return numpy_helper.from_array(
                np.array(helper.get_attribute_value(attribute), np.float32)
            )
        case "value_int" | "value_ints":
            return numpy_helper.from_array(
                np.array(helper.get_attribute_value(attribute), np.int64)
            )
        case _:
            return None


def _plan(model: onnx.ModelProto) -> _Plan:
    known = shapes(model)
    outputs = {value.name for value in model.graph.output}
    elements = {t.name: math.prod(t.dims) for t in model.graph.initializer}
    plan = _Plan(sources={name: frozenset({name}) for name in elements}, elements=elements)
    for node in model.graph.node:
        reads = [name for name in node.input if name]
        if node.op_type in NEVER_FOLDED or node.domain not in {"", "ai.onnx"}:
            continue
        if not reads or any(name not in plan.sources for name in reads):
            continue
        if outputs.intersection(node.output) or any(subgraphs(node)):
            continue
        made = {name: known.get(name) for name in node.output if name}
        counts = {
            name: math.prod(d for d in dims if isinstance(d, int))
            for name, dims in made.items()
            if dims is not None and all(isinstance(d, int) for d in dims)
        }
        allowed = sum(elements[name] for name in reads) + GROWTH_ELEMENTS
        if len(counts) < len(made) or sum(counts.values()) > allowed:
            continue
        plan.nodes.append(node)
        elements.update(counts)
        origin = frozenset[str]().union(*(plan.sources[name] for name in reads))
        plan.sources.update(dict.fromkeys(counts, origin))
    return plan


def _compute(model: onnx.ModelProto, plan: _Plan, spill: Spill) -> dict[str, onnx.TensorProto]:
    """The folded values that something else reads, by name, a few at a time."""
    folded = {id(node) for node in plan.nodes}
    made = {name for node in plan.nodes for name in node.output if name}
    wanted = [
        name
        for name, readers in consumers(model.graph).items()
        if name in made and any(id(reader) not in folded for reader in readers)
    ]
    values: dict[str, onnx.TensorProto] = {}
    for group in _groups(wanted, plan.elements):
        answers = run(open_session(_alone(model, plan, group), optimise=False), {})
        values |= {name: spill.tensor(name, found) for name, found in answers.items()}
    return values


def _groups(names: list[str], elements: Mapping[str, int]) -> Iterator[list[str]]:
    """`names` in order, each group of at most 2^24 elements or of one name."""
    group: list[str] = []
    for name in names:
        if group and sum(elements[each] for each in (*group, name)) > GROUP_ELEMENTS:
            yield group
            group = []
        group.append(name)
    if group:
        yield group


def _alone(model: onnx.ModelProto, plan: _Plan, wanted: list[str]) -> onnx.ModelProto:
    """A model of what `wanted` is computed from, and nothing else."""
    needed = set(wanted)
    nodes = []
    for node in reversed(plan.nodes):
        if needed.intersection(node.output):
            nodes.append(node)
            needed.update(node.input)
    graph = helper.make_graph(
        nodes[::-1],
        "constants",
        [],
        [onnx.ValueInfoProto(name=name) for name in wanted],
        [tensor for tensor in model.graph.initializer if tensor.name in needed],
    )
    return helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version
    )


def _weights_keep_their_names(
    model: onnx.ModelProto, plan: _Plan, values: Mapping[str, onnx.TensorProto]
) -> dict[str, str]:
    """Folded value -> the one float weight it stands for, where nothing else reads that."""
    folded = {id(node) for node in plan.nodes}
    readers = consumers(model.graph)
    outputs = {value.name for value in model.graph.output}
    weights = {
        t.name: math.prod(t.dims)
        for t in model.graph.initializer
        if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) > 1 and t.name not in outputs
    }
    stands_for: dict[str, list[str]] = {}
    for name, tensor in values.items():
        origin = [source for source in plan.sources[name] if source in weights]
        same_size = len(origin) == 1 and weights[origin[0]] == math.prod(tensor.dims)
        if same_size and tensor.data_type == onnx.TensorProto.FLOAT:
            stands_for.setdefault(origin[0], []).append(name)
    return {
        names[0]: source
        for source, names in stands_for.items()
        if len(names) == 1 and all(id(reader) in folded for reader in readers[source])
    }
