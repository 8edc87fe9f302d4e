"""The range of an activation whose integers lose the least, clipping and rounding together.

    min over low <= 0 <= high of  sum_i n_i (x_i - Q(x_i))^2

    Q(x) = s (clamp(round(x / s) + z, 0, last) - z)
    s = (high - low) / last,  z = round(-low / s)

    n_i, x_i (bins,)  counts of a histogram and the middles of its bins;  last = 255

Nagel et al., "A White Paper on Neural Network Quantization", arXiv:2106.08295, section 3.1,
mean squared error. The ends that were seen are tried in 64ths, from 8/64 on: high while low
stays, then low, by turns until neither moves. Symmetric integers move both ends together.
"""

import numpy as np
from numpy.typing import NDArray

from worker.engine.quantize.static.histogram import Counts

Doubles = NDArray[np.float64]

LAST = 255
PARTS, FEWEST = 64, 8  # a step of the integers is no finer than a bin of the histogram
TURNS = 4


def least_error_range(
    counts: Counts,
    largest: float,
    seen: tuple[float, float],
    *,
    symmetric: bool = False,
    last: int = LAST,
) -> tuple[float, float]:
    """(low, high) for integers 0 to `last`, of ranges no wider than what was `seen`.

    `counts` (bins,) over [-largest, largest]. Of equal ones the widest is taken.
    """
    edges = np.linspace(-largest, largest, len(counts) + 1)
    some = counts > 0
    middles, weights = ((edges[1:] + edges[:-1]) / 2)[some], counts[some].astype(np.float64)
    shares = np.arange(PARTS, FEWEST - 1, -1) / PARTS

    def best(lows: Doubles, highs: Doubles) -> int:
        return int(np.argmin(_errors(middles, weights, lows, highs, last)))

    if symmetric:
        ends = largest * shares
        end = float(ends[best(-ends, ends)])
        return -end, end
    low, high = min(seen[0], 0.0), max(seen[1], 0.0)
    lows, highs = low * shares, high * shares
    for _ in range(TURNS):
        before = low, high
        high = float(highs[best(np.full_like(highs, low), highs)])
        low = float(lows[best(lows, np.full_like(lows, high))])
        if before == (low, high):
            break
    return low, high


def _errors(x: Doubles, n: Doubles, lows: Doubles, highs: Doubles, last: int) -> Doubles:
    """(ranges,) of the sums of squares."""
    found = np.empty(len(lows))
    for place, (low, high) in enumerate(zip(lows, highs, strict=True)):
        step = (high - low) / last
        zero = np.round(-low / step)
        level = np.clip(np.round(x / step) + zero, 0, last) - zero
        found[place] = n @ np.square(x - step * level)
    return found
