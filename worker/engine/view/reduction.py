"""Reductions over axes, and positions of extremes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from worker.engine.view.builder import Builder
from worker.engine.view.host import as_list
from worker.engine.view.op import Op

Reduce = Callable[[Tensor, tuple[int, ...], bool], Tensor]
AXES_ARE_INPUTS = {"ReduceSum": 13}  # all others since opset 18
FIRST_SPATIAL = 2


def product(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:  # noqa: FBT001 - as Reduce
    """Over several axes, one after the other."""
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


REDUCE: dict[str, Reduce] = {
    "ReduceMean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
    "ReduceSum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
    "ReduceMax": lambda x, axes, keep: x.amax(axes, keepdim=keep),
    "ReduceMin": lambda x, axes, keep: x.amin(axes, keepdim=keep),
    "ReduceProd": product,
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "ReduceL2": lambda x, axes, keep: torch.linalg.vector_norm(
        x.float(), 2, axes, keepdim=keep
    ).to(x.dtype),
    "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keepdim=keep),
    "ReduceLogSum": lambda x, axes, keep: x.sum(axes, keepdim=keep).log(),
    "ReduceLogSumExp": lambda x, axes, keep: x.logsumexp(axes, keepdim=keep),
}


def reduce(x: Tensor, kind: str, axes: Any, *, keep: bool, none_is_noop: bool) -> Tensor:
    """`kind` over `axes`; over all of them, or not at all, where none are given."""
    chosen = [] if axes is None else as_list(axes)
    if not chosen:
        if none_is_noop:
            return x
        chosen = list(range(x.dim()))
    return REDUCE[kind](x, tuple(chosen), keep) if chosen else x


def global_average(x: Tensor) -> Tensor:
    """Mean over every axis after the channels, kept with size 1."""
    return x.mean(tuple(range(FIRST_SPATIAL, x.dim())), keepdim=True)


def global_maximum(x: Tensor) -> Tensor:
    """Maximum over every axis after the channels, kept with size 1."""
    return x.amax(tuple(range(FIRST_SPATIAL, x.dim())), keepdim=True)


def reduction(build: Builder, op: Op) -> None:
    """Axes are an input, or before opset 18 an attribute."""
    axes: Any = build.host(op.inputs[1]) if op.has(1) else op.attributes.get("axes")
    node = build.call(
        reduce,
        build.tensor(op.inputs[0]),
        op.kind,
        axes,
        keep=bool(op.integer("keepdims", 1)),
        none_is_noop=bool(op.integer("noop_with_empty_axes", 0)),
    )
    build.put(op.outputs[0], node)


def global_norm(x: Tensor, power: int) -> Tensor:
    """||x||_p over every axis after the channels, kept with size 1."""
    axes = tuple(range(FIRST_SPATIAL, x.dim()))
    norm: Tensor = torch.linalg.vector_norm(x, power, axes, keepdim=True)
    return norm


def global_pool(build: Builder, op: Op) -> None:
    """GlobalAveragePool or GlobalMaxPool."""
    function = global_average if op.kind == "GlobalAveragePool" else global_maximum
    build.put(op.outputs[0], build.call(function, build.tensor(op.inputs[0])))


def global_norm_pool(build: Builder, op: Op) -> None:
    """GlobalLpPool."""
    x, power = build.tensor(op.inputs[0]), op.integer("p", 2)
    build.put(op.outputs[0], build.call(global_norm, x, power))


def extreme(x: Tensor, kind: str, axis: int, *, keep: bool, last: bool) -> Tensor:
    """ArgMax or ArgMin: of equals the first, or the last."""
    function = torch.argmax if kind == "ArgMax" else torch.argmin
    if not last:
        return function(x, axis, keepdim=keep)
    return x.shape[axis] - 1 - function(x.flip(axis), axis, keepdim=keep)


def running(x: Tensor, kind: str, axis: int, *, exclusive: bool, backwards: bool) -> Tensor:
    """CumSum or CumProd up to each element, with it or without (`exclusive`)."""
    x = x.flip(axis) if backwards else x
    start, function = (0, torch.cumsum) if kind == "CumSum" else (1, torch.cumprod)
    if exclusive:
        first = torch.full_like(x.narrow(axis, 0, 1), start)
        x = torch.cat((first, x.narrow(axis, 0, x.shape[axis] - 1)), axis)
    y = function(x, axis).to(x.dtype)
    return y.flip(axis) if backwards else y


def position(build: Builder, op: Op) -> None:
    """ArgMax or ArgMin."""
    keep, last = (bool(op.integer(*k)) for k in (("keepdims", 1), ("select_last_index", 0)))
    x, axis = build.tensor(op.inputs[0]), op.integer("axis", 0)
    build.put(op.outputs[0], build.call(extreme, x, op.kind, axis, keep=keep, last=last))


def cumulative(build: Builder, op: Op) -> None:
    """Either way along one axis."""
    axis = as_list(build.host(op.inputs[1]))[0]
    exclusive, backwards = (bool(op.integer(k, 0)) for k in ("exclusive", "reverse"))
    x = build.tensor(op.inputs[0])
    node = build.call(running, x, op.kind, axis, exclusive=exclusive, backwards=backwards)
    build.put(op.outputs[0], node)


FORMS = dict.fromkeys(REDUCE, reduction) | {
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "GlobalLpPool": global_norm_pool,
    "ArgMax": position,
    "ArgMin": position,
    "CumSum": cumulative,
    "CumProd": cumulative,
}
