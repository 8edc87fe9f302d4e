"""Rewriting a float32 graph so that most of it computes in float16.

Every float32 value may exist in two versions, the full one and the half one, with a Cast
right behind whatever makes the other. Inputs, outputs and what sub-graphs capture keep their
name for the full version; elsewhere the version that is computed keeps the name. A node
computes in half where its operator's schema allows float16, it has no sub-graph, the types of
all its values are known, and the operator is not one whose intermediate sums or powers leave
the range of float16.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference

from worker.engine.graph.operators import every_node, subgraphs
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.blocks import blocks
from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.spill import Spill

LARGEST = float(np.finfo(np.float16).max)  # 65504
SMALLEST = float(np.finfo(np.float16).smallest_subnormal)  # 2^-24
HALF = "tensor(float16)"
WIDE = {  # squares, powers and long sums
    "CumSum", "LogSoftmax", "Pow", "Range", "ReduceL2", "ReduceLogSumExp", "ReduceMean",
    "ReduceProd", "ReduceSum", "ReduceSumSquare", "Softmax",
}  # fmt: skip
TYPED = {  # their element type stands in an attribute
    "Bernoulli", "Constant", "ConstantOfShape", "EyeLike", "RandomNormal", "RandomNormalLike",
    "RandomUniform", "RandomUniformLike",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Uses:
    """Which inputs and outputs of one node are half; all False for a node that stays full."""

    inputs: tuple[bool, ...]
    outputs: tuple[bool, ...]


def halved(model: onnx.ModelProto, keep_full: Collection[str], spill: Spill) -> int:
    """Convert `model` in place; nodes named in `keep_full` stay as they are. New large
    constants go to `spill`.

    Returns how many constants held a number beyond float16 and were clamped to +-65504. A
    constant too small for float16 becomes its smallest number instead of zero, since a
    divisor's epsilon is such a constant. Whether a layer's weight fits is the caller's
    business.
    """
    graph = model.graph
    types = _types(model)
    uses = [_uses(node, types, model, frozenset(keep_full)) for node in graph.node]
    versions = _Versions.of(graph, types, uses)
    clamped = versions.store_constants(graph, spill)
    nodes = list(graph.node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(
        cast for value in graph.input if (cast := versions.cast(value.name)) is not None
    )
    for node, use in zip(nodes, uses, strict=True):
        made = list(node.output)
        _rewrite(node, use, versions)
        graph.node.append(node)
        graph.node.extend(cast for name in made if (cast := versions.cast(name)) is not None)
    return clamped


@dataclass(frozen=True, slots=True)
class _Versions:
    """The names of both versions of every float32 value, and which of them are read.

    `fixed` names mean the full version: doors and what sub-graphs capture.
    """

    floats: frozenset[str]
    constants: frozenset[str]
    fixed: frozenset[str]
    computed_half: frozenset[str]
    read_half: frozenset[str]
    read_full: frozenset[str]

    @classmethod
    def of(cls, graph: onnx.GraphProto, types: dict[str, int], uses: list[_Uses]) -> Self:
        floats = frozenset(n for n, kind in types.items() if kind == TensorProto.FLOAT)
        half: set[str] = set()
        full: set[str] = set()
        made: set[str] = set()
        for node, use in zip(graph.node, uses, strict=True):
            for name, is_half in zip(node.input, use.inputs, strict=True):
                (half if is_half else full).add(name)
            made.update(
                n for n, is_half in zip(node.output, use.outputs, strict=True) if is_half
            )
        captured = {
            name
            for node in graph.node
            for inner in subgraphs(node)
            for deep in every_node(inner)
            for name in deep.input
        } | {
            out.name for node in graph.node for inner in subgraphs(node) for out in inner.output
        }
        doors = {value.name for value in (*graph.input, *graph.output)}
        return cls(
            floats,
            frozenset(tensor.name for tensor in graph.initializer),
            frozenset(doors | captured),
            frozenset(made),
            frozenset(half),
            frozenset(full),
        )

    def half(self, name: str) -> str:
        if name in self.constants:
            alone = name not in self.read_full and name not in self.fixed
        else:
            alone = name in self.computed_half and name not in self.fixed
        return name if alone else f"{name}_half"

    def full(self, name: str) -> str:
        other = name in self.computed_half and name not in self.fixed
        return f"{name}_full" if other else name

    def cast(self, name: str) -> onnx.NodeProto | None:
        """What makes the version of `name` that is read but not computed, if there is one."""
        if name not in self.floats or name in self.constants:
            return None
        if name in self.computed_half:
            needed = name in self.read_full or name in self.fixed
            source, target, to = self.half(name), self.full(name), TensorProto.FLOAT
        else:
            needed = name in self.read_half
            source, target, to = self.full(name), self.half(name), TensorProto.FLOAT16
        if not needed:
            return None
        return helper.make_node("Cast", [source], [target], name=f"cast_{target}", to=to)

    def store_constants(self, graph: onnx.GraphProto, spill: Spill) -> int:
        """Put the half version of every constant that is read as half into the graph; how
        many were clamped."""
        clamped = 0
        for tensor in list(graph.initializer):
            if tensor.data_type != TensorProto.FLOAT or tensor.name not in self.read_half:
                continue
            stored, beyond = _stored(tensor, self.half(tensor.name), spill)
            clamped += beyond
            if stored.name == tensor.name:
                tensor.CopyFrom(stored)
            else:
                graph.initializer.append(stored)
        return clamped


def _rewrite(node: onnx.NodeProto, use: _Uses, versions: _Versions) -> None:
    for place, (name, half) in enumerate(zip(node.input, use.inputs, strict=True)):
        if name in versions.floats:
            node.input[place] = versions.half(name) if half else versions.full(name)
    for place, (name, half) in enumerate(zip(node.output, use.outputs, strict=True)):
        if half:
            node.output[place] = versions.half(name)
            if node.op_type == "Cast":
                (to,) = (a for a in node.attribute if a.name == "to")
                to.i = TensorProto.FLOAT16


def _types(model: onnx.ModelProto) -> dict[str, int]:
    inferred = shape_inference.infer_shapes(model).graph
    known = {
        value.name: value.type.tensor_type.elem_type
        for value in (*inferred.value_info, *inferred.input, *inferred.output)
        if value.type.HasField("tensor_type")
    }
    return known | {tensor.name: tensor.data_type for tensor in inferred.initializer}


def _uses(
    node: onnx.NodeProto,
    types: dict[str, int],
    model: onnx.ModelProto,
    keep_full: frozenset[str],
) -> _Uses:
    full = _Uses((False,) * len(node.input), (False,) * len(node.output))
    domain = "" if node.domain == "ai.onnx" else node.domain
    known = all(name in types for name in (*node.input, *node.output) if name)
    stays = node.name in keep_full or node.op_type in WIDE | TYPED or not known
    if stays or any(True for _ in subgraphs(node)) or not defs.has(node.op_type, domain):
        return full
    opset = next((one.version for one in model.opset_import if one.domain == domain), 1)
    schema = defs.get_schema(node.op_type, opset, domain)
    uses = _Uses(
        _halves(node.input, schema.inputs, types), _halves(node.output, schema.outputs, types)
    )
    if node.op_type == "Cast":
        return uses
    return uses if any(uses.inputs) else full


def _halves(
    names: Sequence[str], formal: Sequence[defs.OpSchema.FormalParameter], types: dict[str, int]
) -> tuple[bool, ...]:
    """Which values are float32 where the schema allows float16 as well."""
    return tuple(
        types.get(name) == TensorProto.FLOAT
        and HALF in formal[min(place, len(formal) - 1)].types
        for place, name in enumerate(names)
    )


def _stored(tensor: onnx.TensorProto, name: str, spill: Spill) -> tuple[onnx.TensorProto, bool]:
    """The half version of a constant, and whether a number of it was clamped."""
    values = array(tensor)
    flat = values.reshape(-1)
    clamped = False

    def parts() -> Iterator[NDArray[np.float16]]:
        nonlocal clamped
        for part in blocks(flat):
            clamped |= bool(flat[part].max() > LARGEST or flat[part].min() < -LARGEST)
            yield _narrowed(flat[part])

    if is_mapped(tensor):
        return spill.streamed(name, np.dtype(np.float16), values.shape, parts()), clamped
    narrow = np.concatenate([np.empty(0, np.float16), *parts()]).reshape(values.shape)
    return numpy_helper.from_array(narrow, name), clamped


def _narrowed(numbers: NDArray[np.generic]) -> NDArray[np.float16]:
    """(...) float32 to float16: clamped to the largest finite number, and nothing but zero
    becomes zero."""
    full = np.asarray(numbers, np.float32)
    narrow: NDArray[np.float16] = np.clip(full, -LARGEST, LARGEST).astype(np.float16)
    vanished = (narrow == 0) & (full != 0)
    return np.where(vanished, np.copysign(np.float16(SMALLEST), narrow), narrow)
