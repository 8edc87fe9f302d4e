"""Functions of one, two or many tensors, element by element."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op
from worker.engine.view.values import Known

FLOAT32 = torch.float32
DTYPES = {  # ONNX element type -> torch's; the view computes floats in float32
    1: FLOAT32, 10: FLOAT32, 11: FLOAT32, 16: FLOAT32,
    2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32, 7: torch.int64,
    9: torch.bool,
}  # fmt: skip
RELU6_TOP = 6.0


def divide(a: Any, b: Any) -> Any:
    """ONNX Div: integers divide towards zero."""
    tensor = a if isinstance(a, Tensor) else b
    if tensor.is_floating_point():
        return a / b
    return torch.div(torch.as_tensor(a, device=tensor.device), b, rounding_mode="trunc")


def power(a: Any, b: Any) -> Any:
    """ONNX Pow: the result has the dtype of the base."""
    result = a**b
    return result.to(a.dtype) if isinstance(a, Tensor) else result


def modulo(a: Any, b: Any) -> Any:
    """The sign of the divisor (fmod = 0)."""
    return torch.remainder(a, b)


def modulo_towards_zero(a: Any, b: Any) -> Any:
    """The sign of the dividend (fmod = 1)."""
    return torch.fmod(a, b)


def clip(x: Tensor, low: Any, high: Any) -> Tensor:
    """Between `low` and `high`, each a number, a tensor of one or None."""
    return torch.clamp(x, low, high)


def is_infinite(x: Tensor, *, negative: bool, positive: bool) -> Tensor:
    """Where x is one of the infinities asked for."""
    found = torch.isinf(x)
    return found & ((x < 0) & negative | (x > 0) & positive)


def shrink(x: Tensor, lambd: float, bias: float) -> Tensor:
    """ONNX Shrink: 0 within [-lambd, lambd], what lies outside moved inwards by `bias`."""
    outside = torch.where(x < -lambd, x + bias, x - bias)
    return torch.where(x.abs() > lambd, outside, 0).to(x.dtype)


UNARY: dict[str, Callable[..., Any]] = {
    "Neg": torch.neg, "Abs": torch.abs, "Exp": torch.exp, "Log": torch.log,
    "Sqrt": torch.sqrt, "Reciprocal": torch.reciprocal, "Erf": torch.erf,
    "Floor": torch.floor, "Ceil": torch.ceil, "Round": torch.round, "Sign": torch.sign,
    "Sin": torch.sin, "Cos": torch.cos, "Tan": torch.tan, "Asin": torch.asin,
    "Acos": torch.acos, "Atan": torch.atan, "Sinh": torch.sinh, "Cosh": torch.cosh,
    "Asinh": torch.asinh, "Acosh": torch.acosh, "Atanh": torch.atanh,
    "Not": torch.logical_not, "IsNaN": torch.isnan, "BitwiseNot": torch.bitwise_not,
}  # fmt: skip
BINARY: dict[str, Callable[..., Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mul": operator.mul, "Div": divide,
    "Pow": power, "Equal": operator.eq, "Less": operator.lt, "LessOrEqual": operator.le,
    "Greater": operator.gt, "GreaterOrEqual": operator.ge,
    "And": operator.and_, "Or": operator.or_, "Xor": operator.xor,
    "BitwiseAnd": operator.and_, "BitwiseOr": operator.or_, "BitwiseXor": operator.xor,
}  # fmt: skip
MANY: dict[str, Callable[..., Any]] = {
    "Sum": torch.add, "Max": torch.maximum, "Min": torch.minimum, "Mean": torch.add,
}  # fmt: skip


def unary(build: Builder, op: Op) -> None:
    """One of UNARY."""
    build.put(op.outputs[0], build.call(UNARY[op.kind], build.tensor(op.inputs[0])))


def binary(build: Builder, op: Op) -> None:
    """One of BINARY."""
    left, right = op.inputs
    a, b = build.operand(left, right), build.operand(right, left)
    build.put(op.outputs[0], build.call(BINARY[op.kind], a, b))


def mod(build: Builder, op: Op) -> None:
    """Either remainder."""
    function = modulo_towards_zero if op.integer("fmod", 0) else modulo
    left, right = op.inputs
    node = build.call(function, build.operand(left, right), build.operand(right, left))
    build.put(op.outputs[0], node)


def many(build: Builder, op: Op) -> None:
    """One of MANY, folded over any number of tensors."""
    tensors = [build.tensor(name) for name in op.inputs]
    node = reduce(lambda a, b: build.call(MANY[op.kind], a, b), tensors)
    if op.kind == "Mean":
        node = build.call(operator.truediv, node, len(tensors))
    build.put(op.outputs[0], node)


def where(build: Builder, op: Op) -> None:
    """The condition chooses."""
    condition, a, b = op.inputs
    node = build.call(
        torch.where,
        build.tensor(condition),
        build.operand(a, condition),
        build.operand(b, condition),
    )
    build.put(op.outputs[0], node)


def clip_form(build: Builder, op: Op) -> None:
    """[0, 6] is ReLU6, other fixed limits Hardtanh."""
    low, high = _limit(build, op, 1), _limit(build, op, 2)
    x = build.tensor(op.inputs[0])
    numbers = isinstance(low, float) and isinstance(high, float)
    if numbers and (low, high) == (0.0, RELU6_TOP):
        node = build.module(op, nn.ReLU6(), x)
    elif numbers and low < high:
        node = build.module(op, nn.Hardtanh(low, high), x)
    elif low is None and high is None:
        node = x
    else:
        node = build.call(clip, x, low, high)
    build.put(op.outputs[0], node)


def is_infinite_form(build: Builder, op: Op) -> None:
    """Both infinities unless told otherwise."""
    negative, positive = (bool(op.integer(f"detect_{k}", 1)) for k in ("negative", "positive"))
    x = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.call(is_infinite, x, negative=negative, positive=positive))


def shrink_form(build: Builder, op: Op) -> None:
    """Hard without a bias, soft with one."""
    amounts = op.number("lambd", 0.5), op.number("bias", 0.0)
    build.put(op.outputs[0], build.call(shrink, build.tensor(op.inputs[0]), *amounts))


def cast(build: Builder, op: Op) -> None:
    """Every float type is float32 here."""
    to = op.integer("to", 0)
    if to not in DTYPES:
        raise Blocked(f"to={to}")
    build.put(op.outputs[0], build.call(Tensor.to, build.tensor(op.inputs[0]), DTYPES[to]))


def cast_like(build: Builder, op: Op) -> None:
    """To the type of the second input."""
    x, like = (build.tensor(name) for name in op.inputs)
    build.put(op.outputs[0], build.call(Tensor.type_as, x, like))


def identity(build: Builder, op: Op) -> None:
    """Identity, and Dropout as it stands in an inference graph."""
    if op.has(2) and np.any(build.known(op.inputs[2])):
        raise Blocked("training_mode")
    read = {*build.source.readers, *build.source.outputs}
    if read & set(op.outputs[1:]):
        raise Blocked("mask")
    build.values[op.outputs[0]] = build.value(op.inputs[0])


def _limit(build: Builder, op: Op, place: int) -> Any:
    if not op.has(place):
        return None
    value = build.value(op.inputs[place])
    if isinstance(value, Known):
        return np.asarray(value.array).reshape(-1)[0].item()
    return build.tensor(op.inputs[place])


FORMS = (
    dict.fromkeys(UNARY, unary)
    | dict.fromkeys(BINARY, binary)
    | dict.fromkeys(MANY, many)
    | {
        "Mod": mod,
        "IsInf": is_infinite_form,
        "Shrink": shrink_form,
        "Where": where,
        "Clip": clip_form,
        "Cast": cast,
        "CastLike": cast_like,
        "Identity": identity,
        "Dropout": identity,
    }
)
