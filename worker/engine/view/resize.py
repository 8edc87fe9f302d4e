"""Resize: nearest by position as ONNX defines it, linear and cubic by torch's interpolate."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lathe.facts import Dim
from worker.engine.view.blocked import Blocked
from worker.engine.view.builder import Builder
from worker.engine.view.host import as_list
from worker.engine.view.op import Op

FIRST_SPATIAL = 2
MODES = {("linear", 3): "linear", ("linear", 4): "bilinear", ("linear", 5): "trilinear"}
MODES |= {("cubic", 4): "bicubic"}
ALIGNED = {"align_corners": True, "half_pixel": False, "pytorch_half_pixel": False}
TORCH_CUBIC = -0.75


def nearest(x: Tensor, scales: Any, sizes: Any, coordinates: str, rounding: str) -> Tensor:
    """Every axis whose size changes picks its elements."""
    for axis, size in enumerate(x.shape):
        if sizes is not None:
            new = as_list(sizes)[axis]
            scale = new / size
        else:
            scale = as_list(scales)[axis]
            new = math.floor(size * scale)
        if new != size or scale != 1:
            places = [_place(i, scale, size, new, coordinates, rounding) for i in range(new)]
            x = x.index_select(axis, torch.tensor(places, device=x.device))
    return x


def _place(i: int, scale: float, old: int, new: int, coordinates: str, rounding: str) -> int:
    """Position in the input of element `i` of the output."""
    match coordinates:
        case "asymmetric":
            exact = i / scale
        case "align_corners":
            exact = i * (old - 1) / (new - 1) if new > 1 else 0.0
        case "pytorch_half_pixel" if new <= 1:
            exact = 0.0
        case _:  # half_pixel
            exact = (i + 0.5) / scale - 0.5
    match rounding:
        case "floor":
            place = math.floor(exact)
        case "ceil":
            place = math.ceil(exact)
        case "round_prefer_ceil":
            place = math.floor(exact + 0.5)
        case _:  # round_prefer_floor
            place = math.ceil(exact - 0.5)
    return min(max(place, 0), old - 1)


def interpolate(x: Tensor, scales: Any, sizes: Any, mode: str, *, aligned: bool) -> Tensor:
    """Torch's interpolate over the axes from 2 on."""
    if sizes is not None:
        target = as_list(sizes)[FIRST_SPATIAL:]
        return functional.interpolate(x, size=target, mode=mode, align_corners=aligned)
    factors = as_list(scales)[FIRST_SPATIAL:]
    return functional.interpolate(x, scale_factor=factors, mode=mode, align_corners=aligned)


def resize(build: Builder, op: Op) -> None:
    """By scales or by sizes, of all axes."""
    for name in ("antialias", "exclude_outside", "extrapolation_value", "axes"):
        if op.attributes.get(name):
            raise Blocked(name)
    if op.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Blocked("keep_aspect_ratio_policy")
    scales = build.host(op.inputs[2]) if op.has(2) and not _empty(build, op.inputs[2]) else None
    sizes = build.host(op.inputs[3]) if op.has(3) else None
    mode = op.text("mode", "nearest")
    coordinates = op.text("coordinate_transformation_mode", "half_pixel")
    x = build.tensor(op.inputs[0])
    if mode == "nearest":
        if coordinates not in {"asymmetric", *ALIGNED}:
            raise Blocked(coordinates)
        rounding = op.text("nearest_mode", "round_prefer_floor")
        node = build.call(nearest, x, scales, sizes, coordinates, rounding)
    else:
        torch_mode = MODES.get((mode, build.source.rank(op.inputs[0]) or 0))
        cubic = op.number("cubic_coeff_a", TORCH_CUBIC)
        to_one = coordinates == "pytorch_half_pixel" and 1 in _spatial(build, op)
        unlike = torch_mode is None or cubic != TORCH_CUBIC or to_one
        if unlike or coordinates not in ALIGNED:
            raise Blocked(f"{mode}, {coordinates}")
        _same_channels(scales)
        aligned = ALIGNED[coordinates]
        node = build.call(interpolate, x, scales, sizes, torch_mode, aligned=aligned)
    build.put(op.outputs[0], node)


def _spatial(build: Builder, op: Op) -> tuple[Dim, ...]:
    """Sizes of the result that torch and ONNX would have to agree on."""
    return build.source.shapes.get(op.outputs[0], ())[FIRST_SPATIAL:]


def _same_channels(scales: Any) -> None:
    if isinstance(scales, list) and scales[:FIRST_SPATIAL] != [1.0, 1.0]:
        raise Blocked("scaled channels")


def _empty(build: Builder, name: str) -> bool:
    array = build.source.array(name)
    return array is not None and array.size == 0


FORMS = {"Resize": resize}
