"""Pruning the weights of a graph as they are, without training.

Han, Pool, Tran and Dally, "Learning both Weights and Connections for Efficient Neural
Networks", arXiv:1506.02626: weights of small magnitude go. How many of each tensor, where all
are compared with each other, see lamp.py: plain magnitudes do not compare, because layers with
many inputs have small weights.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.techniques.prune import PruneWeights
from worker.engine.graph.weight_tensors import WeightTensor
from worker.engine.onnx_file.rewrite import flat_parts, rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.pace import Pace
from worker.engine.prune.lamp import losses
from worker.engine.prune.weights.bar import Bar, bar
from worker.engine.prune.weights.selection import falling

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Moments:
    """What one pass over a tensor tells."""

    count: int
    mean: float
    rms: float
    largest: np.float32
    largest_count: int

    @property
    def std(self) -> float:
        """The standard deviation of the population."""
        return float(np.sqrt(max(self.rms**2 - self.mean**2, 0.0)))


def prune_at_once(
    weights: Sequence[WeightTensor], spec: PruneWeights, spill: Spill, pace: Pace
) -> None:
    """Zero weights in place; of equal magnitudes the first go, and each tensor that holds any
    weight keeps its last largest one."""
    bars = _bars(weights, spec)
    for weight, own in zip(weights, bars, strict=True):
        moment = _moments(weight.tensor)
        last = moment.largest_count - 1
        if (own.value, own.ties) > (moment.largest, last):
            own = Bar(moment.largest, last)  # noqa: PLW2901 - the same bar, lowered
        rewrite(weight.tensor, _cut(weight.tensor, own), spill)
        pace.add(1)


def spread(tensor: onnx.TensorProto) -> float:
    """The standard deviation of a tensor's numbers, taken as the whole population."""
    return _moments(tensor).std


def _bars(weights: Sequence[WeightTensor], spec: PruneWeights) -> list[Bar]:
    if spec.threshold is not None:
        units = [spread(w.tensor) if spec.unit == "std" else 1.0 for w in weights]
        return [Bar(np.float32(spec.threshold * unit), 0) for unit in units]
    sizes = [_sizes(weight.tensor) for weight in weights]
    counts = [math.prod(weight.tensor.dims) for weight in weights]
    share = spec.sparsity or 0.0
    lost = (
        losses(sizes, falling(share, sum(counts)))
        if spec.scope == "global"
        else [falling(share, count) for count in counts]
    )
    return [bar(parts, count) for parts, count in zip(sizes, lost, strict=True)]


def _sizes(tensor: onnx.TensorProto) -> Callable[[], Iterator[Values]]:
    """The magnitudes, as often as they are asked for."""
    return lambda: (np.abs(part) for part in flat_parts(tensor))


def _cut(tensor: onnx.TensorProto, own: Bar) -> Iterator[Values]:
    """The tensor's numbers with zeros below the bar."""
    ties = own.ties
    for part in flat_parts(tensor):
        size = np.abs(part)
        falls = size < own.value
        first = np.flatnonzero(size == own.value)[:ties]
        falls[first] = True
        ties -= len(first)
        yield np.where(falls, np.float32(0), part)


def _moments(tensor: onnx.TensorProto) -> _Moments:
    """In float64, block by block."""
    count, total, squares, largest, times = 0, 0.0, 0.0, np.float32(0), 0
    for part in flat_parts(tensor):
        wide = part.astype(np.float64)
        count += part.size
        total, squares = total + float(wide.sum()), squares + float(wide @ wide)
        size = np.abs(part)
        highest = size.max()
        if highest > largest:
            largest, times = highest, 0
        times += int(np.count_nonzero(size == largest))
    return _Moments(count, total / count, float(np.sqrt(squares / count)), largest, times)
