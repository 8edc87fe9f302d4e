"""Weights quantized by themselves: nothing is known of what they are multiplied with."""

import numpy as np

from lathe.techniques.quantize import HalfQuadratic, PerTensor, Rounding, WeightGranularity
from worker.engine.onnx_file.blocks import blocks
from worker.engine.quantize.blocks.grid import (
    Floats,
    Levels,
    Quantized,
    Scales,
    first_scales,
    rounded,
)
from worker.engine.quantize.blocks.hqq import half_quadratic


def quantized_alone(
    weight: Floats,
    levels: Levels,
    width: int,
    granularity: WeightGranularity,
    rounding: Rounding,
) -> Quantized:
    """(rows, columns) weights at the nearest levels of their `scales_alone`."""
    return rounded(weight, scales_alone(weight, levels, width, granularity, rounding))


def scales_alone(
    weight: Floats,
    levels: Levels,
    width: int,
    granularity: WeightGranularity,
    rounding: Rounding,
) -> Scales:
    """Scales from the weights' extremes; for `hqq` those that its solver makes of them. Rows
    are taken a few at a time, a tensor with one scale as one row."""
    if isinstance(granularity, PerTensor):
        whole = _scales(weight.reshape(1, -1), levels, weight.size, rounding)
        same = (len(weight), 1)
        scale, zero = np.broadcast_to(whole.scale, same), np.broadcast_to(whole.zero, same)
        return Scales(levels, width, scale, zero)
    parts = [_scales(weight[rows], levels, width, rounding) for rows in blocks(weight)]
    scale = np.concatenate([part.scale for part in parts])
    return Scales(levels, width, scale, np.concatenate([part.zero for part in parts]))


def _scales(weight: Floats, levels: Levels, width: int, rounding: Rounding) -> Scales:
    first = first_scales(weight, levels, width)
    if isinstance(rounding, HalfQuadratic):
        return half_quadratic(weight, first, rounding.norm, rounding.iterations)
    return first
