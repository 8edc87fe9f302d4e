"""Resize: nearest by position, linear and cubic by torch's interpolate or by matrices."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.host import as_list
from worker.engine.view.op import Op
from worker.engine.view.resample import COORDINATES, Kernel, matrix, place

FIRST_SPATIAL = 2
MODES = {("linear", 3): "linear", ("linear", 4): "bilinear", ("linear", 5): "trilinear"}
MODES |= {("cubic", 4): "bicubic"}
ALIGNED = {"align_corners": True, "half_pixel": False, "pytorch_half_pixel": False}
TORCH_CUBIC = -0.75


def nearest(
    x: Tensor, scales: Any, sizes: Any, axes: list[int] | None, coordinates: str, rounding: str
) -> Tensor:
    """Every axis whose size changes picks its elements."""
    for axis, new, scale in _changes(x, scales, sizes, axes):
        old = x.shape[axis]
        exact = (place(coordinates, i, old, new, scale) for i in range(new))
        places = [min(max(_rounded(value, rounding), 0), old - 1) for value in exact]
        x = x.index_select(axis, torch.tensor(places, device=x.device))
    return x


class Smooth(nn.Module):
    """Every axis whose size changes is multiplied by its matrix."""

    def __init__(self, kernel: Kernel, axes: list[int] | None) -> None:
        super().__init__()
        self.kernel = kernel
        self.axes = axes

    def forward(self, x: Tensor, scales: Any, sizes: Any) -> Tensor:
        """The axes named, or all of them, in the order of `scales` or `sizes`."""
        for axis, new, scale in _changes(x, scales, sizes, self.axes):
            rows = torch.from_numpy(_matrix(self.kernel, x.shape[axis], new, scale))
            x = torch.movedim(torch.movedim(x, axis, -1) @ rows.to(x.device).t(), -1, axis)
        return x


def interpolate(x: Tensor, scales: Any, sizes: Any, mode: str, *, aligned: bool) -> Tensor:
    """Torch's interpolate over the axes from 2 on."""
    if sizes is not None:
        target = as_list(sizes)[FIRST_SPATIAL:]
        return functional.interpolate(x, size=target, mode=mode, align_corners=aligned)
    factors = as_list(scales)[FIRST_SPATIAL:]
    return functional.interpolate(x, scale_factor=factors, mode=mode, align_corners=aligned)


def _changes(
    x: Tensor, scales: Any, sizes: Any, axes: list[int] | None
) -> Iterator[tuple[int, int, float]]:
    """Axis, new size and scale of every axis that changes."""
    for k, axis in enumerate(range(x.dim()) if axes is None else axes):
        old = x.shape[axis]
        if sizes is not None:
            new = as_list(sizes)[k]
            scale = new / old
        else:
            scale = as_list(scales)[k]
            new = math.floor(old * scale)
        if new != old or scale != 1:
            yield axis % x.dim(), new, scale


@lru_cache(maxsize=64)
def _matrix(kernel: Kernel, old: int, new: int, scale: float) -> NDArray[np.float32]:
    return matrix(kernel, old, new, scale)


def _rounded(exact: float, rounding: str) -> int:
    match rounding:
        case "floor":
            return math.floor(exact)
        case "ceil":
            return math.ceil(exact)
        case "round_prefer_ceil":
            return math.floor(exact + 0.5)
        case _:  # round_prefer_floor
            return math.ceil(exact - 0.5)


def resize(build: Builder, op: Op) -> None:
    """By scales or by sizes, of all axes or of those that `axes` names."""
    if op.integer("antialias", 0):
        raise Blocked("antialias")
    if op.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Blocked("keep_aspect_ratio_policy")
    coordinates = op.text("coordinate_transformation_mode", "half_pixel")
    if coordinates not in COORDINATES:
        raise Blocked(coordinates)
    scales = build.host(op.inputs[2]) if op.has(2) and not _empty(build, op.inputs[2]) else None
    sizes = build.host(op.inputs[3]) if op.has(3) else None
    axes = op.integers("axes", []) or None
    mode, x = op.text("mode", "nearest"), build.tensor(op.inputs[0])
    if mode == "nearest":
        rounding = op.text("nearest_mode", "round_prefer_floor")
        node = build.call(nearest, x, scales, sizes, axes, coordinates, rounding)
    elif torchs := _torch_mode(build, op, scales):
        aligned = ALIGNED[coordinates]
        node = build.call(interpolate, x, scales, sizes, torchs, aligned=aligned)
    else:
        excluded = bool(op.integer("exclude_outside", 0))
        kernel = Kernel(mode, coordinates, op.number("cubic_coeff_a", TORCH_CUBIC), excluded)
        node = build.module(op, Smooth(kernel, axes), x, scales, sizes)
    build.put(op.outputs[0], node)


def _torch_mode(build: Builder, op: Op, scales: Any) -> str | None:
    """What torch calls the mode, where its interpolate does what `op` asks for."""
    coordinates = op.text("coordinate_transformation_mode", "half_pixel")
    mode = MODES.get((op.text("mode", "nearest"), build.source.rank(op.inputs[0]) or 0))
    other_kernel = op.number("cubic_coeff_a", TORCH_CUBIC) != TORCH_CUBIC
    other_axes = op.attributes.get("axes") or (
        isinstance(scales, list) and scales[:FIRST_SPATIAL] != [1.0, 1.0]
    )
    made = build.source.shapes.get(op.outputs[0], ())[FIRST_SPATIAL:]
    to_one = coordinates == "pytorch_half_pixel" and 1 in made  # torch reads the middle there
    if other_kernel or other_axes or to_one or op.integer("exclude_outside", 0):
        return None
    return mode if coordinates in ALIGNED else None


def _empty(build: Builder, name: str) -> bool:
    array = build.source.array(name)
    return array is not None and array.size == 0


FORMS = {"Resize": resize}
