"""QuantizeLinear and DequantizeLinear, as networks hold them that were trained to be integer.

    q = clamp(round(x / scale) + zero, low, high)        y = (q - zero) scale

Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-
Only Inference", 2018, arXiv:1712.05877. Rounding lets the gradient through as it is, the
straight-through estimator (Bengio, Leonard and Courville, 2013, arXiv:1308.3432); what is
clamped gets none. Integers are floats inside the view. Weights that the file stores as
integers have no float to train: they are the obstacle.
"""

from collections.abc import Iterator

import numpy as np
import torch
from onnx import TensorProto, helper
from torch import Tensor, fx

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op

LIMITS: dict[np.dtype[np.generic], list[int]] = {
    np.dtype(np.uint8): [0, 255],
    np.dtype(np.int8): [-128, 127],
    np.dtype(np.uint16): [0, 65_535],
    np.dtype(np.int16): [-32_768, 32_767],
}
ACROSS = 1  # the axis of scales a channel where none is named


def rounded(x: Tensor) -> Tensor:
    """Half to even; the gradient of x."""
    return x + (torch.round(x) - x).detach()


def quantize(x: Tensor, scale: Tensor, zero: Tensor, limits: list[int], axis: int) -> Tensor:
    """Integers as floats; `scale` and `zero` hold one number, or one for each of `axis`."""
    scale, zero = _along(x, axis, scale, zero)
    return torch.clamp(rounded(x / scale) + zero, *limits)


def dequantize(q: Tensor, scale: Tensor, zero: Tensor, axis: int) -> Tensor:
    """Floats; `scale` and `zero` as in `quantize`."""
    scale, zero = _along(q, axis, scale, zero)
    return (q - zero) * scale


def _along(x: Tensor, axis: int, *grid: Tensor) -> Iterator[Tensor]:
    """Each of `grid` so that it broadcasts along `axis` of x."""
    shape = [-1 if k == axis % x.dim() else 1 for k in range(x.dim())]
    yield from (t.reshape(shape) if t.numel() > 1 else t.reshape(()) for t in grid)


def quantize_form(build: Builder, op: Op) -> None:
    """With a fixed grid of 8 or 16 bits, one for the tensor or one a channel."""
    scale, zero, kind = _grid(build, op)
    if kind not in LIMITS:
        raise Blocked(f"to {kind}")
    args = (scale, zero, LIMITS[kind], op.integer("axis", ACROSS))
    build.put(op.outputs[0], build.call(quantize, build.tensor(op.inputs[0]), *args))


def dequantize_form(build: Builder, op: Op) -> None:
    """Of what a QuantizeLinear made."""
    if op.inputs[0] in build.source.origins:
        raise Blocked("weights stored as integers")
    maker = build.source.makers.get(op.inputs[0])
    if maker is None or maker.op_type != "QuantizeLinear":
        raise Blocked("computed integers")
    scale, zero, _ = _grid(build, op)
    args = (scale, zero, op.integer("axis", ACROSS))
    build.put(op.outputs[0], build.call(dequantize, build.tensor(op.inputs[0]), *args))


def _grid(build: Builder, op: Op) -> tuple[fx.Node, fx.Node, np.dtype[np.generic]]:
    """Scale, zero point and the type of the integers."""
    if op.integer("block_size", 0):
        raise Blocked("blocks")
    scale = build.known(op.inputs[1])
    if op.has(2):
        zero = build.known(op.inputs[2])
    else:
        kind = op.integer("output_dtype", 0) or TensorProto.UINT8
        zero = np.zeros(scale.shape, helper.tensor_dtype_to_np_dtype(kind))
    steps = build.buffer(op.key, scale.astype(np.float32))
    return steps, build.buffer(op.key, zero.astype(np.float32)), zero.dtype


FORMS = {"QuantizeLinear": quantize_form, "DequantizeLinear": dequantize_form}
