"""ONNX graph to fx graph, node by node."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import fx

from worker.engine.graph.operators import subgraphs
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.elementwise import DTYPES
from worker.engine.view.fold import fold
from worker.engine.view.forms import FORMS
from worker.engine.view.host import LISTS, SCALAR, elementwise
from worker.engine.view.op import Op, read
from worker.engine.view.source import Source
from worker.engine.view.values import Host, Known

OLDEST_OPSET = 13  # older ones gave Softmax, Squeeze and the reductions another meaning
FLAT_RANK = 1
LONGEST_LIST = 1024
NEVER_FOLDED = {
    "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial",
    "DequantizeLinear",  # of stored integers: a weight, but none that can be trained
}  # fmt: skip


def build(
    model: onnx.ModelProto, *, weightless: bool = False
) -> tuple[Builder, tuple[str, ...]]:
    """The builder with everything in it, and the operators that have no form, sorted.

    Where there are such operators their outputs are stand-ins, so that every other one can
    still be judged; the builder is then of no further use. Nor is it where it is built
    `weightless`: to find those operators without the memory that the weights would take.
    """
    source = Source(model)
    builder = Builder(source, weightless=weightless)
    found = set(_unreadable(source))
    for node in model.graph.node:
        op = read(node)
        try:
            _one(builder, op)
        except Blocked as blocked:
            name = op.kind.replace(":", "::")
            found.add(f"{name}({blocked.why})" if blocked.why else name)
            _stand_in(builder, op)
    return builder, tuple(sorted(found))


def graph_module(builder: Builder) -> fx.GraphModule:
    """The finished module, in eval mode: a tuple of outputs, whatever is dead left out."""
    outputs = tuple(builder.tensor(name) for name in builder.source.outputs)
    builder.graph.output(outputs)
    module = fx.GraphModule(builder.root, builder.graph)
    module.graph.eliminate_dead_code(is_impure_node=lambda n: n.op in {"placeholder", "output"})
    module.recompile()
    module.delete_all_unused_submodules()
    return module.eval()


def _unreadable(source: Source) -> Iterator[str]:
    if source.opset < OLDEST_OPSET:
        yield f"opset {source.opset}"
    if source.model.graph.sparse_initializer:
        yield "sparse initialiser"
    for value in source.model.graph.input:
        kind = value.type.tensor_type.elem_type
        if kind not in DTYPES:
            yield f"{onnx.TensorProto.DataType.Name(kind).lower()} input"


def _one(builder: Builder, op: Op) -> None:
    if op.kind == "Constant":
        if "value" not in op.attributes:
            builder.values[op.outputs[0]] = Known(_constant(op))
        return
    if op.key in builder.source.origins or op.key in builder.absorbed:
        return
    if not _folded(builder, op) and not _on_host(builder, op):
        if op.kind not in FORMS:
            raise Blocked
        FORMS[op.kind](builder, op)


def _constant(op: Op) -> NDArray[np.generic]:
    (name, value), *_ = op.attributes.items()
    match name:
        case "value_float" | "value_floats":
            return np.array(value, np.float32)
        case "value_int" | "value_ints":
            return np.array(value, np.int64)
        case _:
            raise Blocked(name)


def _folded(builder: Builder, op: Op) -> bool:
    """Whether `op` reads constants alone and so became one."""
    if op.kind in NEVER_FOLDED or ":" in op.kind or any(subgraphs(op.node)):
        return False
    arrays = []
    for name in op.inputs:
        if name:
            value = _peek(builder, name)
            if not isinstance(value, Known):
                return False
            arrays.append(value.array)
    if not arrays:
        return False
    results = iter(fold(builder.source, op, arrays))
    for name in op.outputs:
        if name:
            builder.values[name] = Known(next(results))
    return True


def _on_host(builder: Builder, op: Op) -> bool:
    """Whether `op` is shape arithmetic and so became a call on Python numbers."""
    if op.kind not in SCALAR and op.kind not in LISTS:
        return False
    values = [_peek(builder, name) for name in op.inputs if name]
    rank = builder.source.rank(op.key)
    if rank is not None and rank > FLAT_RANK:
        return False
    args: list[Any] = []
    for value in values:
        match value:
            case Known(array) if array.ndim <= FLAT_RANK and array.size <= LONGEST_LIST:
                args.append(array.tolist())
            case Host(node):
                args.append(node)
            case _:
                return False
    if op.kind in SCALAR:
        node = builder.call(elementwise, op.kind, *args)
    else:
        node = builder.call(LISTS[op.kind], *args, **op.attributes)
    builder.values[op.outputs[0]] = Host(node)
    return True


def _peek(builder: Builder, name: str) -> object:
    """The value, without making a trained tensor of a constant that may belong to a layer."""
    if name in builder.values:
        return builder.values[name]
    origin = builder.source.origins.get(name)
    if origin is None:
        return None
    tensor = builder.source.tensors[origin.name]
    if builder.source.is_float(origin.name) and np.prod(tensor.dims) > 1:
        return None
    if not builder.source.is_float(origin.name) and tensor.data_type == onnx.TensorProto.STRING:
        raise Blocked("text")
    return builder.value(name)


def _stand_in(builder: Builder, op: Op) -> None:
    """Something for later nodes to read where `op` could not be built."""
    for name in op.outputs:
        if name:
            builder.put(name, builder.call(torch.zeros, 1))
