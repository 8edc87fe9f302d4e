"""Tensors joined, cut and padded along their axes."""

import operator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.host import as_list
from worker.engine.view.modules import SplitSizes
from worker.engine.view.op import Op
from worker.engine.view.values import Known

TO_THE_END = 2**31 - 1  # ONNX writes "to the end" as a huge number


def cut(x: Tensor, starts: Any, ends: Any, axes: Any, steps: Any) -> Tensor:
    """ONNX Slice."""
    begin, stop = as_list(starts), as_list(ends)
    where = list(range(len(begin))) if axes is None else as_list(axes)
    pace = [1] * len(begin) if steps is None else as_list(steps)
    for s, e, axis, step in zip(begin, stop, where, pace, strict=True):
        x = _cut_one(x, s, e, axis % x.dim(), step)
    return x


def _cut_one(x: Tensor, start: int, end: int, axis: int, step: int) -> Tensor:
    if step < 0:
        stop = None if end < -TO_THE_END else end
        places = list(range(x.shape[axis]))[slice(start, stop, step)]
        return x.index_select(axis, torch.tensor(places, dtype=torch.int64, device=x.device))
    stop = None if isinstance(end, int) and end >= TO_THE_END else end
    whole = [slice(None)] * x.dim()
    whole[axis] = slice(start, stop, step)
    return x[tuple(whole)]


def concat(*parts: Tensor, axis: int) -> Tensor:
    """ONNX Concat."""
    return torch.cat(parts, axis)


def pad(x: Tensor, pads: Any, axes: Any, mode: str, value: Any) -> Tensor:
    """ONNX Pad; `pads` holds all starts, then all ends; negative ones cut."""
    sizes = as_list(pads)
    where = list(range(x.dim())) if axes is None else [a % x.dim() for a in as_list(axes)]
    amounts = dict(
        zip(where, zip(sizes[: len(where)], sizes[len(where) :], strict=True), strict=True)
    )
    if mode == "constant":
        order = [amounts.get(axis, (0, 0)) for axis in reversed(range(x.dim()))]
        return functional.pad(x, [size for pair in order for size in pair], value=value)
    for axis, (before, after) in amounts.items():
        places = torch.arange(-before, x.shape[axis] + after, device=x.device)
        x = x.index_select(axis, _inside(places, x.shape[axis], mode))
    return x


def _inside(places: Tensor, size: int, mode: str) -> Tensor:
    """Positions beyond an axis of `size`, brought back into it."""
    match mode:
        case "edge":
            return places.clamp(0, size - 1)
        case "wrap":
            return places % size
        case _:  # reflect: 0 1 2 1 0 1 ...
            period = max(2 * (size - 1), 1)
            folded = places.abs() % period
            return torch.minimum(folded, period - folded)


def concat_form(build: Builder, op: Op) -> None:
    """Any number of parts."""
    parts = [build.tensor(name) for name in op.inputs]
    build.put(op.outputs[0], build.call(concat, *parts, axis=op.integer("axis", 0)))


def split_form(build: Builder, op: Op) -> None:
    """Equal parts are cut by their number, so that they stay equal when layers get narrower."""
    x, axis = build.tensor(op.inputs[0]), op.integer("axis", 0)
    sizes: Any = build.host(op.inputs[1]) if op.has(1) else op.attributes.get("split")
    if sizes is None or (isinstance(sizes, list) and len(set(sizes)) == 1):
        node = build.call(torch.chunk, x, len(op.outputs), axis)
    elif isinstance(sizes, list):
        node = build.module(op, SplitSizes(sizes, axis), x)
    else:
        node = build.call(Tensor.split, x, sizes, axis)
    for place, name in enumerate(op.outputs):
        if name:
            build.put(name, build.call(operator.getitem, node, place))


def slice_form(build: Builder, op: Op) -> None:
    """Starts, ends, axes, steps."""
    bounds = [build.host(op.inputs[k]) if op.has(k) else None for k in range(1, 5)]
    build.put(op.outputs[0], build.call(cut, build.tensor(op.inputs[0]), *bounds))


def pad_form(build: Builder, op: Op) -> None:
    """Pads, value, axes."""
    mode = op.text("mode", "constant")
    value: Any = 0.0
    if op.has(2):
        constant = build.value(op.inputs[2])
        if not isinstance(constant, Known):
            raise Blocked("a computed value")
        value = constant.array.reshape(-1)[0].item()
    pads = build.host(op.inputs[1])
    axes = build.host(op.inputs[3]) if op.has(3) else None
    build.put(
        op.outputs[0], build.call(pad, build.tensor(op.inputs[0]), pads, axes, mode, value)
    )


FORMS = {"Concat": concat_form, "Split": split_form, "Slice": slice_form, "Pad": pad_form}
