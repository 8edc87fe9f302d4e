"""Reductions over axes, and positions of extremes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from worker.engine.view.blocked import Blocked
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
    "ReduceL2": lambda x, axes, keep: x.square().sum(axes, keepdim=keep).sqrt(),
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


def global_pool(build: Builder, op: Op) -> None:
    """GlobalAveragePool or GlobalMaxPool."""
    function = global_average if op.kind == "GlobalAveragePool" else global_maximum
    build.put(op.outputs[0], build.call(function, build.tensor(op.inputs[0])))


def position(build: Builder, op: Op) -> None:
    """ArgMax or ArgMin, the first of equals."""
    if op.integer("select_last_index", 0):
        raise Blocked("select_last_index")
    function = torch.argmax if op.kind == "ArgMax" else torch.argmin
    keep = bool(op.integer("keepdims", 1))
    x = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.call(function, x, op.integer("axis", 0), keepdim=keep))


def cumulative_sum(build: Builder, op: Op) -> None:
    """Inclusive, forwards."""
    if op.integer("exclusive", 0) or op.integer("reverse", 0):
        raise Blocked("exclusive or reverse")
    axis = as_list(build.host(op.inputs[1]))[0]
    build.put(op.outputs[0], build.call(torch.cumsum, build.tensor(op.inputs[0]), axis))


FORMS = dict.fromkeys(REDUCE, reduction) | {
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "ArgMax": position,
    "ArgMin": position,
    "CumSum": cumulative_sum,
}
