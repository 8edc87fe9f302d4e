"""Weights quantized layer by layer, each for the inputs that the quantized net gives it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.errors import StepImpossible
from lathe.techniques.quantize import AdaRound, Gptq, PerBlock, QuantizeWeights
from worker.engine.context import Context
from worker.engine.layerwise.calibration import as_many_as_fit, batched, unlabelled
from worker.engine.layerwise.moments import Moments
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.stages import Stages
from worker.engine.layerwise.walk import walk
from worker.engine.pace import Pace
from worker.engine.quantize.blocks.adaround import Course, adaround
from worker.engine.quantize.blocks.alone import quantized_alone, scales_alone
from worker.engine.quantize.blocks.chosen import Layer
from worker.engine.quantize.blocks.gptq import gptq
from worker.engine.quantize.blocks.grid import (
    Floats,
    Levels,
    Quantized,
    Scales,
    rounded,
)
from worker.engine.run.examples import fixed_batch_of

ROWS_TO_COLUMNS = 4  # fewer rows of calibration than this a column are damped more


def calibrated(
    model: onnx.ModelProto,
    chosen: Sequence[Layer],
    weights: Mapping[str, Floats],
    sparse: frozenset[str],
    spec: QuantizeWeights,
    context: Context,
) -> Iterator[tuple[Layer, Quantized]]:
    """Every layer in the order of the graph; `weights` are tensors by name, `sparse` those
    whose zeros stay. One whose inputs cannot be looked at is quantized by itself.

    Raises StepImpossible without examples.
    """
    found = unlabelled(context)
    if found is None:
        raise StepImpossible(
            f"rounding by {spec.rounding.method} looks at examples; give data.calibration or "
            "data.train, or take another rounding",
            param="data.calibration",
        )
    seen = {layer.name: layer for layer in chosen if layer.site.readers}
    sites = [layer.site for layer in seen.values()]
    stages = Stages(model, sites, tuple(seen), inputs_of, context.threads)
    batches = batched(*found, fixed_batch_of(model))
    batches = as_many_as_fit(batches, stages.kept_bytes(batches[0], weights))
    present = dict(weights)
    pace = Pace(context.progress, len(chosen), "tensors")
    for treated in walk(stages, weights, present, batches, Moments):
        for site, moments in treated:
            layer = seen[site.name]
            quantized = _quantized(layer, weights, moments, sparse, spec)
            shape = (site.groups, -1, layer.columns)
            present[site.name] = site.tensor(quantized.values.reshape(shape))
            yield layer, quantized
            pace.add(1)
    for layer in chosen:
        if layer.name not in seen:
            yield layer, _quantized(layer, weights, None, sparse, spec)
            pace.add(1)


def _quantized(
    layer: Layer,
    weights: Mapping[str, Floats],
    moments: Moments | None,
    sparse: frozenset[str],
    spec: QuantizeWeights,
) -> Quantized:
    """One layer, all groups below each other: (rows, columns)."""
    levels, width = Levels(spec.bits, spec.symmetric), layer.width(spec.granularity, spec.bits)
    matrices = layer.site.matrices(weights[layer.name])
    flat = matrices.reshape(-1, layer.columns)
    if moments is None:
        return quantized_alone(flat, levels, width, spec.granularity, spec.rounding)
    scales = scales_alone(flat, levels, width, spec.granularity, spec.rounding)
    own = [
        _of_group(
            matrix,
            _rows(scales, slice(group * len(matrix), (group + 1) * len(matrix))),
            moments,
            group,
            spec,
            matrix != 0 if layer.name in sparse else None,
        )
        for group, matrix in enumerate(matrices)
    ]
    codes = np.concatenate([one.codes for one in own])
    scale = np.concatenate([one.scales.scale for one in own])
    zero = np.concatenate([one.scales.zero for one in own])
    return Quantized(codes, Scales(levels, width, scale, zero))


def _of_group(
    matrix: Floats,
    scales: Scales,
    moments: Moments,
    group: int,
    spec: QuantizeWeights,
    kept: NDArray[np.bool_] | None,
) -> Quantized:
    own, cross = moments.raw(group)
    match spec.rounding:
        case Gptq(damping=damping):
            scarce = ROWS_TO_COLUMNS * moments.columns / max(moments.count, 1)
            fixed = None if isinstance(spec.granularity, PerBlock) else scales
            damped = damping * max(1.0, scarce)
            return gptq(matrix, own, damped, fixed, scales.levels, scales.width, kept)
        case AdaRound(iterations=iterations, lr=lr, regularization=regularization):
            course = Course(iterations, lr, regularization)
            return adaround(matrix, own, cross, scales, course, kept)
        case _:
            return rounded(matrix, scales)


def _rows(scales: Scales, rows: slice) -> Scales:
    return replace(scales, scale=scales.scale[rows], zero=scales.zero[rows])
