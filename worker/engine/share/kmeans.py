"""k-means on a line, as fast as sorting.

Lloyd, "Least Squares Quantization in PCM", IEEE Transactions on Information Theory 28 (1982),
method I: a value's weights lie between the midpoints to its neighbours, and it moves to their
mean. On sorted weights with running sums a round costs K log n:

    c[k] <- (S[b[k+1]] - S[b[k]]) / (N[b[k+1]] - N[b[k]])

    S, N  running sums of the weights and of their counts    b[k]  where the k-th range begins

It starts from values at equal distances between the extremes (Han, Mao and Dally,
arXiv:1510.00149, section 3.2: linear initialisation keeps large weights apart).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Wide = NDArray[np.float64]
EXACT_WEIGHTS = 1 << 24  # above it weights are counted by their upper 16 bits, as bfloat16 are
BINS = 1 << 16


@dataclass(frozen=True, slots=True)
class Points:
    """Sorted places on the line with the count and the sum of the weights at each."""

    places: Wide
    counts: Wide
    sums: Wide


def points(parts: Callable[[], Iterable[Values]], count: int) -> Points:
    """The `count` weights that `parts` gives, the same each time it is called."""
    if count <= EXACT_WEIGHTS:
        found, times = np.unique(np.concatenate(list(parts())), return_counts=True)
        return Points(found.astype(np.float64), times.astype(np.float64), found * times)
    counts: Wide = np.zeros(BINS)
    sums: Wide = np.zeros(BINS)
    for part in parts():
        place = np.ascontiguousarray(part).view(np.uint32) >> 16
        counts += np.bincount(place, minlength=BINS)
        sums += np.bincount(place, weights=part, minlength=BINS)
    used = np.flatnonzero(counts)
    means = sums[used] / counts[used]
    order = np.argsort(means)
    return Points(means[order], counts[used][order], sums[used][order])


def codebook(line: Points, size: int, iterations: int) -> Values:
    """At most `size` values, sorted, near which the weights lie; the places themselves where
    there are no more of them. A value that no weight is nearest to is left out."""
    if len(line.places) <= size:
        return line.places.astype(np.float32)
    numbers = np.concatenate([[0.0], np.cumsum(line.counts)])
    totals = np.concatenate([[0.0], np.cumsum(line.sums)])
    values = np.linspace(line.places[0], line.places[-1], size)
    for _ in range(iterations):
        moved = _moved(line, numbers, totals, values)[0]
        if np.array_equal(moved, values):
            break
        values = moved
    values, used = _moved(line, numbers, totals, values)
    return np.unique(values[used].astype(np.float32))


def nearest(values: Values, weights: Values) -> Values:
    """For each of the `weights` the one of the sorted `values` that is nearest; of two at the
    same distance the greater."""
    return values[np.searchsorted(_midpoints(values.astype(np.float64)), weights, side="right")]


def _moved(line: Points, numbers: Wide, totals: Wide, values: Wide) -> tuple[Wide, Wide]:
    """Values after a round, those without weights where they were, and which have some."""
    inner = np.searchsorted(line.places, _midpoints(values), side="left")
    edges = np.concatenate([[0], inner, [len(line.places)]])
    held = np.diff(numbers[edges])
    used = held > 0
    means = np.diff(totals[edges]) / np.where(used, held, 1)
    return np.where(used, means, values), used


def _midpoints(values: Wide) -> Wide:
    return (values[1:] + values[:-1]) / 2
