"""Max and average pools: torch's where its padding rule is enough, else spelled out."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op
from worker.engine.view.padding import fixed_pads, pad_spatial

MAX_POOLS: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVERAGE_POOLS: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
MAX_FUNCTIONS: dict[int, Any] = {
    1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d,
}  # fmt: skip
SUM_FUNCTIONS: dict[int, Any] = {
    1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d,
}  # fmt: skip
AVERAGE_FUNCTIONS: dict[int, Any] = {
    1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d,
}  # fmt: skip
FIRST_SPATIAL = 2


class PaddedPool(nn.Module):
    """A pool with any ONNX padding: uneven, SAME, or rounded up.

    An average counts the elements of the input, with `include_pad` those of the declared
    padding too, but never what rounding up adds. A window that would start behind the input
    is left out.
    """

    def __init__(self, op: Op, kernel: list[int]) -> None:
        super().__init__()
        spatial = len(kernel)
        self.kernel = kernel
        self.strides = op.integers("strides", [1] * spatial)
        self.dilations = op.integers("dilations", [1] * spatial)
        self.pads = fixed_pads(op, spatial)  # None: SAME
        self.upper = op.text("auto_pad", "") == "SAME_UPPER"
        self.ceil = bool(op.integer("ceil_mode", 0))
        self.kind = op.kind
        self.power = op.integer("p", 2)
        self.include_pad = bool(op.integer("count_include_pad", 0))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *spatial)."""
        before, after, extra = self._amounts(list(x.shape[FIRST_SPATIAL:]))
        nothing = [0] * len(extra)
        whole = [a + b for a, b in zip(after, extra, strict=True)]
        if self.kind == "LpPool":
            total = self._sums(pad_spatial(x.abs() ** self.power, before, whole))
            return total.clamp_min(torch.finfo(x.dtype).tiny) ** (1 / self.power)
        if self.kind == "MaxPool":
            padded = pad_spatial(x, before, whole, float("-inf"))
            pool = MAX_FUNCTIONS[len(self.kernel)]
            most: Tensor = pool(padded, self.kernel, self.strides, 0, self.dilations)
            return most
        ones = torch.ones_like(x[:1, :1])
        counted = pad_spatial(ones, before, after, float(self.include_pad))
        padded = pad_spatial(x, before, after)
        total, share = (self._sums(pad_spatial(t, nothing, extra)) for t in (padded, counted))
        return total / share

    def _sums(self, x: Tensor) -> Tensor:
        """Over every window."""
        spatial = len(self.kernel)
        if set(self.dilations) == {1}:
            means: Tensor = AVERAGE_FUNCTIONS[spatial](x, self.kernel, self.strides)
            return means * math.prod(self.kernel)
        ones = x.new_ones(1, 1, *self.kernel)
        flat = x.reshape(-1, 1, *x.shape[FIRST_SPATIAL:])
        sums: Tensor = SUM_FUNCTIONS[spatial](flat, ones, None, self.strides, 0, self.dilations)
        return sums.reshape(*x.shape[:FIRST_SPATIAL], *sums.shape[FIRST_SPATIAL:])

    def _amounts(self, sizes: list[int]) -> tuple[list[int], list[int], list[int]]:
        """Pads before, after, and what the last window lacks (or leaves over, negative)."""
        before, after, extra = [], [], []
        for axis, size in enumerate(sizes):
            stride = self.strides[axis]
            reach = (self.kernel[axis] - 1) * self.dilations[axis] + 1
            if self.pads is None:
                total = max((-(-size // stride) - 1) * stride + reach - size, 0)
                left = total // 2 if self.upper else total - total // 2
                right = total - left
            else:
                left, right = self.pads[0][axis], self.pads[1][axis]
            span = size + left + right - reach
            count = (-(-span // stride) if self.ceil else span // stride) + 1
            if self.ceil and (count - 1) * stride >= size + left:
                count -= 1
            before.append(left)
            after.append(right)
            extra.append((count - 1) * stride + reach - size - left - right)
        return before, after, extra


def pool(build: Builder, op: Op) -> None:
    """MaxPool, AveragePool or LpPool."""
    if len(op.outputs) > 1 and op.outputs[1]:
        raise Blocked("Indices")
    kernel = op.integers("kernel_shape", [])
    if len(kernel) not in MAX_POOLS:
        raise Blocked("kernel")
    build.put(op.outputs[0], build.module(op, _module(op, kernel), build.tensor(op.inputs[0])))


def _module(op: Op, kernel: list[int]) -> nn.Module:
    pads = fixed_pads(op, len(kernel))
    strides = op.integers("strides", [1] * len(kernel))
    dilated = op.kind == "AveragePool" and set(op.attributes.get("dilations", [1])) != {1}
    if op.kind == "LpPool" or dilated:
        return PaddedPool(op, kernel)
    even = pads is not None and pads[0] == pads[1] and not op.integer("ceil_mode", 0)
    if pads is None or not even or any(2 * p > k for p, k in zip(pads[0], kernel, strict=True)):
        return PaddedPool(op, kernel)
    if op.kind == "MaxPool":
        dilations = op.integers("dilations", [1] * len(kernel))
        module: nn.Module = MAX_POOLS[len(kernel)](kernel, strides, pads[0], dilations)
        return module
    include = bool(op.integer("count_include_pad", 0))
    average: nn.Module = AVERAGE_POOLS[len(kernel)](
        kernel, strides, pads[0], count_include_pad=include
    )
    return average


FORMS = {"MaxPool": pool, "AveragePool": pool, "LpPool": pool}
