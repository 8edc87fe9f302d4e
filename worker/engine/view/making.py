"""Tensors out of sizes, and sizes out of tensors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.engine.onnx_file.array import array
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.elementwise import DTYPES
from worker.engine.view.host import as_list, shape, size
from worker.engine.view.op import Op
from worker.engine.view.values import Host, Known


def filled(target: Any, anchor: Tensor, *, value: float, dtype: torch.dtype) -> Tensor:
    """A tensor of one value on the device of `anchor`."""
    return torch.full(as_list(target), value, dtype=dtype, device=anchor.device)


def steps(start: Any, limit: Any, delta: Any, anchor: Tensor) -> Tensor:
    """ONNX Range on the device of `anchor`."""
    return torch.arange(*(as_list(n)[0] for n in (start, limit, delta)), device=anchor.device)


def diagonal(x: Tensor, offset: int, dtype: torch.dtype | None) -> Tensor:
    """ONNX EyeLike: ones on one diagonal of a matrix shaped as x."""
    return torch.ones_like(x, dtype=dtype).tril(offset).triu(offset)


def shape_form(build: Builder, op: Op) -> None:
    """Sizes stay Python numbers. The length of a list of sizes is a constant."""
    start, end = op.integer("start", 0), op.attributes.get("end")
    known = build.source.shapes.get(op.inputs[0])
    value = build.value(op.inputs[0])
    if not isinstance(value, Host):
        node = build.call(shape, build.tensor(op.inputs[0]), start=start, end=end)
        build.values[op.outputs[0]] = Host(node)
    elif known is not None and all(isinstance(length, int) for length in known):
        build.values[op.outputs[0]] = Known(np.array(known[start:end], np.int64))
    else:
        raise Blocked("the length of a list of unknown length")


def size_form(build: Builder, op: Op) -> None:
    """How many elements."""
    build.values[op.outputs[0]] = Host(build.call(size, build.tensor(op.inputs[0])))


def filled_form(build: Builder, op: Op) -> None:
    """ConstantOfShape."""
    value: np.ndarray[Any, Any] = np.zeros(1, np.float32)
    if "value" in op.attributes:
        value = array(op.attributes["value"])
    onnx_type = op.attributes["value"].data_type if "value" in op.attributes else 1
    if onnx_type not in DTYPES:
        raise Blocked(f"element type {onnx_type}")
    number = value.reshape(-1)[0].item()
    target = build.host(op.inputs[0])
    node = build.call(filled, target, build.anchor, value=number, dtype=DTYPES[onnx_type])
    build.put(op.outputs[0], node)


def range_form(build: Builder, op: Op) -> None:
    """Limits that come from sizes."""
    numbers = [build.host(name) for name in op.inputs]
    build.put(op.outputs[0], build.call(steps, *numbers, build.anchor))


def diagonal_form(build: Builder, op: Op) -> None:
    """Of the type of the input where none is named."""
    kind = op.attributes.get("dtype")
    if kind is not None and kind not in DTYPES:
        raise Blocked(f"element type {kind}")
    dtype = None if kind is None else DTYPES[kind]
    x = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.call(diagonal, x, op.integer("k", 0), dtype))


FORMS = {
    "EyeLike": diagonal_form,
    "Shape": shape_form,
    "Size": size_form,
    "ConstantOfShape": filled_form,
    "Range": range_form,
}
