"""Shape arithmetic on Python numbers and flat lists of them, so that sizes stay plain ints.

Every function here takes the inputs of one ONNX operator in their order, then its attributes.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Number = Any  # int, float or bool
Numbers = Any  # a number or a list of them


def to_tensor(numbers: Numbers, like: Tensor) -> Tensor:
    """Numbers as a tensor on the device of `like`: int64, float32 or bool."""
    return torch.tensor(numbers, device=like.device)


def as_list(numbers: Numbers) -> list[Number]:
    """A list, also of a single number."""
    return list(numbers) if isinstance(numbers, list | tuple) else [numbers]


def shape(x: Tensor, *, start: int = 0, end: int | None = None) -> list[int]:
    """Sizes of the axes from `start` up to `end`."""
    return list(x.shape[start:end])


def size(x: Tensor) -> int:
    """How many elements."""
    return x.numel()


def divide(a: Number, b: Number) -> Number:
    """ONNX Div: integers divide towards zero."""
    if isinstance(a, float) or isinstance(b, float):
        return a / b
    return a // b if (a < 0) == (b < 0) else -(-a // b)


def gather(data: Numbers, index: Numbers, *, axis: int = 0) -> Numbers:
    """Elements by position, along the only axis (`axis` can only be that one)."""
    del axis
    values = as_list(data)
    return [values[i] for i in index] if isinstance(index, list) else values[index]


def cut(
    data: Numbers, starts: Numbers, ends: Numbers, axes: Numbers = 0, steps: Numbers = 1
) -> Numbers:
    """ONNX Slice of a list (`axes` can only name the only axis)."""
    del axes
    (start,), (end,), (step,) = as_list(starts), as_list(ends), as_list(steps)
    return as_list(data)[slice(*_bounds(start, end, step))]


def _bounds(start: int, end: int, step: int) -> tuple[int, int | None, int]:
    """A negative step that ends before the first element needs None in Python."""
    beyond = step < 0 and end < -(2**31) + 2
    return start, None if beyond else end, step


def concat(*parts: Numbers, axis: int = 0) -> list[Number]:
    """Lists one after the other."""
    del axis
    return [value for part in parts for value in as_list(part)]


def unsqueeze(data: Numbers, axes: Numbers = 0) -> list[Number]:
    """A number becomes a list of one."""
    del axes
    return as_list(data)


def squeeze(data: Numbers, axes: Numbers = 0) -> Number:
    """A list of one becomes a number."""
    del axes
    return as_list(data)[0]


def reshape(data: Numbers, target: Numbers, *, allowzero: int = 0) -> Numbers:
    """To a list, or with an empty target to a number."""
    del allowzero
    return as_list(data) if as_list(target) else as_list(data)[0]


def cast(data: Numbers, *, to: int) -> Numbers:
    """To int, float or bool."""
    kind: type = FLOAT_TYPES.get(to, bool if to == BOOL else int)
    return [kind(v) for v in data] if isinstance(data, list) else kind(data)


BOOL = 9
FLOAT_TYPES: dict[int, type] = dict.fromkeys((1, 10, 11, 16), float)


def where(condition: Numbers, a: Numbers, b: Numbers) -> Numbers:
    """Element by element."""
    return _each(lambda c, x, y: x if c else y, condition, a, b)


def product(data: Numbers, axes: Numbers = None, *, keepdims: int = 1, **_: int) -> Numbers:
    """ReduceProd of a list."""
    del axes
    total = math.prod(as_list(data))
    return [total] if keepdims and isinstance(data, list) else total


def total(data: Numbers, axes: Numbers = None, *, keepdims: int = 1, **_: int) -> Numbers:
    """ReduceSum of a list."""
    del axes
    result = sum(as_list(data))
    return [result] if keepdims and isinstance(data, list) else result


def identity(data: Numbers) -> Numbers:
    """The same."""
    return data


def _each(function: Callable[..., Number], *parts: Numbers) -> Numbers:
    """`function` over lists of one length; numbers and lists of one repeat."""
    lists = [part for part in parts if isinstance(part, list)]
    if not lists:
        return function(*parts)
    length = max(len(part) for part in lists)
    columns = (p * length if len(p) == 1 else p for p in map(as_list, parts))
    return [function(*row) for row in zip(*columns, strict=True)]


def elementwise(name: str, *parts: Numbers) -> Numbers:
    """One of SCALAR over numbers and lists."""
    return _each(SCALAR[name], *parts)


SCALAR: dict[str, Callable[..., Number]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": divide,
    "Mod": operator.mod,
    "Pow": operator.pow,
    "Neg": operator.neg,
    "Abs": abs,
    "Sqrt": math.sqrt,
    "Floor": math.floor,
    "Ceil": math.ceil,
    "Reciprocal": lambda a: 1.0 / a,
    "Max": max,
    "Min": min,
    "Equal": operator.eq,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "And": operator.and_,
    "Or": operator.or_,
    "Not": operator.not_,
}
LISTS: dict[str, Callable[..., Numbers]] = {
    "Gather": gather,
    "Slice": cut,
    "Concat": concat,
    "Unsqueeze": unsqueeze,
    "Squeeze": squeeze,
    "Reshape": reshape,
    "Cast": cast,
    "Where": where,
    "ReduceProd": product,
    "ReduceSum": total,
    "Identity": identity,
}
