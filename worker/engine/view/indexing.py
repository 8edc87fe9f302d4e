"""Reading and writing tensors by position."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from worker.engine.view.binding import Same
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.host import as_list
from worker.engine.view.op import Op
from worker.engine.view.values import Device, Known

TABLE_RANK = 2
REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def gather(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """ONNX Gather; negative positions count from the end."""
    axis %= x.dim()
    size = x.shape[axis]
    flat = index.reshape(-1).long()
    found = x.index_select(axis, torch.where(flat < 0, flat + size, flat))
    return found.reshape(*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])


def gather_elements(x: Tensor, index: Tensor, axis: int) -> Tensor:
    """ONNX GatherElements."""
    return torch.gather(x, axis, torch.where(index < 0, index + x.shape[axis], index).long())


def gather_nd(x: Tensor, index: Tensor, batch_axes: int) -> Tensor:
    """ONNX GatherND: the last axis of `index` names positions on as many axes of x."""
    lead = x.shape[:batch_axes]
    flat_x = x.reshape(-1, *x.shape[batch_axes:])
    flat_index = index.reshape(flat_x.shape[0], -1, index.shape[-1]).long()
    rows = (
        torch.arange(flat_x.shape[0], device=x.device).unsqueeze(1).expand(flat_index.shape[:2])
    )
    found = flat_x[(rows, *flat_index.unbind(-1))]
    return found.reshape(*lead, *index.shape[batch_axes:-1], *found.shape[2:])


def scatter_nd(x: Tensor, index: Tensor, updates: Tensor, reduction: str) -> Tensor:
    """ONNX ScatterND: a copy of x with `updates` written in, added, multiplied, ..."""
    places = index.long().unbind(-1)
    if reduction == "none":
        return x.index_put(tuple(places), updates)
    rows = torch.zeros_like(places[0])
    for place, size in zip(places, x.shape, strict=False):
        rows = rows * size + torch.where(place < 0, place + size, place)
    table = x.flatten(0, len(places) - 1).reshape(math.prod(x.shape[: len(places)]), -1)
    new = updates.reshape(rows.numel(), -1)
    where = rows.reshape(-1, 1).expand_as(new)
    return table.scatter_reduce(0, where, new, REDUCTIONS[reduction]).reshape(x.shape)


def scatter_elements(
    x: Tensor, index: Tensor, updates: Tensor, axis: int, reduction: str
) -> Tensor:
    """ONNX ScatterElements."""
    where = torch.where(index < 0, index + x.shape[axis], index).long()
    if reduction == "none":
        return x.scatter(axis, where, updates)
    return x.scatter_reduce(axis, where, updates, REDUCTIONS[reduction])


def triangle(x: Tensor, offset: int, *, upper: bool) -> Tensor:
    """ONNX Trilu."""
    return torch.triu(x, offset) if upper else torch.tril(x, offset)


def one_hot(index: Tensor, depth: int, low: Any, high: Any, axis: int) -> Tensor:
    """`high` at each index along a new axis, else `low`; beyond [-depth, depth) all `low`."""
    places = torch.where(index < 0, index + depth, index).unsqueeze(axis).long()
    line = torch.arange(depth, device=index.device)
    rank, where = places.dim(), axis % places.dim()
    hit = places == line.reshape([-1 if k == where else 1 for k in range(rank)])
    return torch.where(hit, high, low)


def top_k(x: Tensor, count: Any, axis: int, *, largest: bool) -> tuple[Tensor, Tensor]:
    """Values and positions, sorted; of equals the first comes first, unlike torch.topk."""
    (number,) = as_list(count)
    values, places = torch.sort(x, dim=axis, descending=largest, stable=True)
    return values.narrow(axis, 0, number), places.narrow(axis, 0, number)


def gather_form(build: Builder, op: Op) -> None:
    """A table that trained rows are read from is an Embedding."""
    table, index = op.inputs
    axis = op.integer("axis", 0)
    where = build.value(index)
    is_table = build.source.rank(table) == TABLE_RANK and axis == 0
    if isinstance(where, Device) and is_table and build.weights(table):
        weight = build.parameter(table)
        module = nn.Embedding(weight.shape[0], weight.shape[1], _weight=weight)
        module.weight = weight
        node = build.layer(op, module, [where.node], [(op, 0, Same("weight"))])
    elif isinstance(where, Known) and where.array.ndim == 0:
        node = build.call(torch.select, build.tensor(table), axis, int(where.array.item()))
    else:
        node = build.call(gather, build.tensor(table), build.tensor(index), axis)
        build.claim(table)
    build.put(op.outputs[0], node)


def gather_elements_form(build: Builder, op: Op) -> None:
    """Along one axis."""
    x, index = (build.tensor(name) for name in op.inputs)
    build.put(op.outputs[0], build.call(gather_elements, x, index, op.integer("axis", 0)))


def gather_nd_form(build: Builder, op: Op) -> None:
    """With or without shared leading axes."""
    x, index = (build.tensor(name) for name in op.inputs)
    build.put(op.outputs[0], build.call(gather_nd, x, index, op.integer("batch_dims", 0)))


def scatter_form(build: Builder, op: Op) -> None:
    """ScatterND or ScatterElements."""
    reduction = op.text("reduction", "none")
    x, index, updates = (build.tensor(name) for name in op.inputs)
    if op.kind == "ScatterND":
        node = build.call(scatter_nd, x, index, updates, reduction)
    else:
        axis = op.integer("axis", 0)
        node = build.call(scatter_elements, x, index, updates, axis, reduction)
    build.put(op.outputs[0], node)


def triangle_form(build: Builder, op: Op) -> None:
    """The offset is a fixed number."""
    offset = _number(build.known(op.inputs[1])) if op.has(1) else 0
    upper = bool(op.integer("upper", 1))
    x = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.call(triangle, x, offset, upper=upper))


def one_hot_form(build: Builder, op: Op) -> None:
    """Depth and the two values are fixed."""
    index, depth, values = op.inputs
    low, high = build.known(values).tolist()
    x = build.tensor(index)
    args = (_number(build.known(depth)), low, high, op.integer("axis", -1))
    build.put(op.outputs[0], build.call(one_hot, x, *args))


def top_k_form(build: Builder, op: Op) -> None:
    """Sorted, as ONNX has it by default."""
    if not op.integer("sorted", 1):
        raise Blocked("unsorted")
    largest = bool(op.integer("largest", 1))
    x, count = build.tensor(op.inputs[0]), build.host(op.inputs[1])
    node = build.call(top_k, x, count, op.integer("axis", -1), largest=largest)
    for place, name in enumerate(op.outputs):
        if name:
            build.put(name, build.call(_pick, node, place))


def _pick(pair: tuple[Tensor, Tensor], place: int) -> Tensor:
    return pair[place]


def _number(array: np.ndarray[Any, Any]) -> int:
    return int(array.reshape(-1)[0])


FORMS = {
    "Gather": gather_form,
    "GatherElements": gather_elements_form,
    "GatherND": gather_nd_form,
    "ScatterND": scatter_form,
    "ScatterElements": scatter_form,
    "Trilu": triangle_form,
    "OneHot": one_hot_form,
    "TopK": top_k_form,
}
