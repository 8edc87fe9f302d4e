"""The range of every activation over the calibration examples, in bounded memory.

Pass 1 asks the runtime for the minimum and maximum of each tensor, so only two numbers a
tensor come back. Percentile, entropy and mse make a second pass that adds each batch to one
histogram a tensor and forgets it: memory is one batch's activations, however many examples.
"""

from collections.abc import Iterable
from typing import assert_never

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, shape_inference

from lathe.errors import StepImpossible
from lathe.techniques.quantize import (
    Calibration,
    Entropy,
    Given,
    MeanSquaredError,
    MinMax,
    Percentile,
)
from worker.engine.context import Report, Samples
from worker.engine.quantize.static.feed import BATCH, Feed
from worker.engine.quantize.static.given import given_ranges
from worker.engine.quantize.static.histogram import Counts, entropy_threshold, percentile_range
from worker.engine.quantize.static.least_error import least_error_range

Ranges = dict[str, tuple[float, float]]

BINS = 4096  # over [-m, m]
LEVELS = 128  # of |x| where x has both signs
LEVELS_ONE_SIGN = 255


def calibrate(
    model: onnx.ModelProto,
    nodes: Iterable[onnx.NodeProto],
    method: Calibration,
    samples: Samples,
    *,
    symmetric: bool = False,
    threads: int = 1,
    progress: Report,
) -> Ranges:
    """(low, high) of every float32 tensor that one of these nodes of `model` reads or writes.

    `method` clips the range that was seen, for integers around the middle where `symmetric`;
    the ranges of a fixed-batch model may count the last example more than once. Raises
    StepImpossible where an activation is not finite, UnknownLayer for a range that is given of
    something else.
    """
    tensors = activations(model, nodes)
    if isinstance(method, MinMax | Given):
        given = given_ranges(model, method, tensors) if isinstance(method, Given) else {}
        return _extremes(model, tensors, Feed(samples, threads, progress, 1)) | given
    feed = Feed(samples, threads, progress, 2)
    seen = _extremes(model, tensors, feed)
    counts = _histograms(model, seen, feed)
    return {
        name: _inside(_clipped(method, counts[name], ends, symmetric=symmetric), ends)
        if _largest(ends) > 0
        else ends
        for name, ends in seen.items()
    }


def activations(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> tuple[str, ...]:
    """Names of the float32 tensors that these nodes read or write, constants left out, in
    graph order."""
    inferred = shape_inference.infer_shapes(model).graph
    floats = {
        value.name
        for value in (*inferred.value_info, *inferred.input, *inferred.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    floats -= {tensor.name for tensor in inferred.initializer}
    touched = (name for node in nodes for name in (*node.input, *node.output))
    return tuple(dict.fromkeys(name for name in touched if name in floats))


def _extremes(model: onnx.ModelProto, tensors: tuple[str, ...], feed: Feed) -> Ranges:
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    del probed.graph.output[:]
    for place, name in enumerate(tensors):
        for kind in ("Min", "Max"):
            output = f"lathe_{kind}_{place}"
            probed.graph.node.append(
                helper.make_node(f"Reduce{kind}", [name], [output], keepdims=0)
            )
            probed.graph.output.append(
                helper.make_tensor_value_info(output, TensorProto.FLOAT, [])
            )
    low = np.full(len(tensors), np.inf)
    high = np.full(len(tensors), -np.inf)
    for answer in feed.run(probed, BATCH, done=0):
        numbers = np.array(list(answer.values()), np.float64).reshape(-1, 2)
        low, high = np.minimum(low, numbers[:, 0]), np.maximum(high, numbers[:, 1])
    for place, name in enumerate(tensors):
        if not (np.isfinite(low[place]) and np.isfinite(high[place])):
            raise StepImpossible(
                f"the activation {name!r} is NaN or infinite on calibration data",
                param="data.calibration",
            )
    return {n: (float(a), float(b)) for n, a, b in zip(tensors, low, high, strict=True)}


def _histograms(model: onnx.ModelProto, seen: Ranges, feed: Feed) -> dict[str, Counts]:
    """Of each tensor over [-m, m], m its largest absolute value; (BINS,)."""
    counts = {name: np.zeros(BINS, np.int64) for name in seen}
    for answer in feed.values(model, seen, done=1):
        for name, values in answer.items():
            counts[name] += _counted(values, _largest(seen[name]))
    return counts


def _counted(values: NDArray[np.generic], largest: float) -> Counts:
    if largest == 0:
        return np.zeros(BINS, np.int64)
    scaled = (values.astype(np.float32).ravel() + np.float32(largest)) * np.float32(
        BINS / (2 * largest)
    )
    places = np.clip(scaled.astype(np.int32), 0, BINS - 1)
    return np.bincount(places, minlength=BINS).astype(np.int64)


def _clipped(
    method: Percentile | Entropy | MeanSquaredError,
    counts: Counts,
    ends: tuple[float, float],
    *,
    symmetric: bool,
) -> tuple[float, float]:
    match method:
        case Percentile(percentile=percentile):
            return percentile_range(counts, _largest(ends), percentile)
        case Entropy():
            one_sign = ends[0] >= 0 or ends[1] <= 0
            levels = LEVELS_ONE_SIGN if one_sign else LEVELS
            threshold = entropy_threshold(counts, _largest(ends), levels)
            return -threshold, threshold
        case MeanSquaredError():
            return least_error_range(counts, _largest(ends), ends, symmetric=symmetric)
        case _:
            assert_never(method)


def _largest(ends: tuple[float, float]) -> float:
    return max(abs(ends[0]), abs(ends[1]))


def _inside(wanted: tuple[float, float], seen: tuple[float, float]) -> tuple[float, float]:
    return max(wanted[0], seen[0]), min(wanted[1], seen[1])
