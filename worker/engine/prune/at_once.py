"""Pruning the weights of a graph as they are, without training.

    score[i] = |w[i]|              scope layer, and against a threshold
    score[i] = |w[i]| / rms(w)     scope global, rms(w) = sqrt(mean w^2) of the layer's tensor

Han, Pool, Tran and Dally, "Learning both Weights and Connections for Efficient Neural
Networks", arXiv:1506.02626: small magnitudes go. Without a common measure the layers of small
weights, which are those with many inputs, would lose all of theirs to a global bar.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.techniques.prune import PruneWeights
from worker.engine.graph.weight_tensors import WeightTensor
from worker.engine.onnx_file.rewrite import flat_parts, rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.pace import Pace
from worker.engine.prune.bar import Bar, bar

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
    """Zero weights in place; of equal scores the first go, and each tensor that holds any
    weight keeps its last largest one."""
    moments = [_moments(weight.tensor) for weight in weights]
    everywhere = _global_bar(weights, moments, spec) if spec.scope == "global" else None
    ties = everywhere.ties if everywhere else 0
    for weight, moment in zip(weights, moments, strict=True):
        scale = np.float32(1)
        if everywhere is not None:
            scale, own = _scale(moment), Bar(everywhere.value, ties)
        else:
            own = _own_bar(weight.tensor, moment, spec)
        highest = moment.largest * scale
        if (own.value, own.ties) > (highest, moment.largest_count - 1):
            own = Bar(highest, moment.largest_count - 1)
        cut = _Cut(scale, own)
        rewrite(weight.tensor, cut.parts(weight.tensor), spill)
        if everywhere is not None and own.value == everywhere.value:
            ties -= cut.ties_used
        pace.add(1)


def spread(tensor: onnx.TensorProto) -> float:
    """The standard deviation of a tensor's numbers, taken as the whole population."""
    return _moments(tensor).std


def falling(sparsity: float, count: int) -> int:
    """How many of `count` weights go: the nearest number, half up."""
    return int(np.floor(sparsity * count + 0.5))


@dataclass(slots=True)
class _Cut:
    scale: np.float32
    bar: Bar
    ties_used: int = 0

    def parts(self, tensor: onnx.TensorProto) -> Iterator[Values]:
        for part in flat_parts(tensor):
            score = np.abs(part) * self.scale
            falls = score < self.bar.value
            ties = np.flatnonzero(score == self.bar.value)[: self.bar.ties - self.ties_used]
            falls[ties] = True
            self.ties_used += len(ties)
            yield np.where(falls, np.float32(0), part)


def _own_bar(tensor: onnx.TensorProto, moment: _Moments, spec: PruneWeights) -> Bar:
    if spec.threshold is not None:
        unit = moment.std if spec.unit == "std" else 1.0
        return Bar(np.float32(spec.threshold * unit), 0)
    count = falling(spec.sparsity or 0.0, moment.count)
    return bar(lambda: (np.abs(part) for part in flat_parts(tensor)), count)


def _global_bar(
    weights: Sequence[WeightTensor], moments: Sequence[_Moments], spec: PruneWeights
) -> Bar:
    def scores() -> Iterator[Values]:
        for weight, moment in zip(weights, moments, strict=True):
            for part in flat_parts(weight.tensor):
                yield np.abs(part) * _scale(moment)

    return bar(scores, falling(spec.sparsity or 0.0, sum(m.count for m in moments)))


def _scale(moment: _Moments) -> np.float32:
    return np.float32(1 / moment.rms) if moment.rms else np.float32(1)


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
