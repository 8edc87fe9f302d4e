"""How many weights each tensor loses where all are compared with each other.

Lee, Park, Mo, Ahn and Shin, "Layer-adaptive Sparsity for the Magnitude-based Pruning",
arXiv:2010.07611, equation 4: with the weights of a tensor sorted by magnitude,

    score(u) = w[u]^2 / sum over v >= u of w[v]^2

the share of a weight in the energy of those that would be left with it. Scores of different
tensors compare, and a tensor's largest weight has the score 1, so that none loses all.

`losses` counts magnitudes by the upper 16 bits of their float32, as bfloat16 are: the n
weights of one bin have the mean square m and the energy S from there on, and the j-th of them,
from 0, the score m / (S - j m). So ceil(S / m - 1 / bar) of them lie below a bar.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Sizes = NDArray[np.float32]
Wide = NDArray[np.float64]
BINS = 1 << 16
ROUNDS = 200  # halvings of an interval of doubles: enough to meet in one


@dataclass(frozen=True, slots=True)
class _Bins:
    """The used bins of one tensor: how many weights, and S / m, infinite for zeros."""

    counts: NDArray[np.int64]
    left: Wide

    def below(self, bar: float) -> int:
        """How many scores lie below `bar`, which is at most 1."""
        fall = np.ceil(self.left - 1 / bar).clip(0, self.counts)
        return int(fall.sum())


def comparable(sizes: Tensor) -> Tensor:
    """The score of each weight of one tensor, exactly, from their magnitudes (n,)."""
    order = sizes.argsort(stable=True)
    squares = sizes[order].double().square()
    left = squares.flip(0).cumsum(0).flip(0)  # of this weight and all that are larger
    scores = torch.empty_like(squares)
    scores[order] = squares / left.clamp(min=torch.finfo(left.dtype).tiny)
    return scores


def losses(tensors: Sequence[Callable[[], Iterable[Sizes]]], falling: int) -> list[int]:
    """How many of the smallest weights each tensor loses, `falling` in total, or as many as
    can while each keeps one. Each of `tensors` gives its magnitudes."""
    bins = [_bins(parts()) for parts in tensors]
    low, high = 0.0, 1.0
    if sum(each.below(high) for each in bins) <= falling:
        return [each.below(high) for each in bins]
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if sum(each.below(middle) for each in bins) <= falling:
            low = middle
        else:
            high = middle
    lost = [each.below(low) if low else 0 for each in bins]
    for place, each in enumerate(bins):
        lost[place] += min(each.below(high) - lost[place], falling - sum(lost))
    return lost


def _bins(parts: Iterable[Sizes]) -> _Bins:
    counts = np.zeros(BINS, np.int64)
    squares: Wide = np.zeros(BINS)
    for part in parts:
        place = np.ascontiguousarray(part, np.float32).view(np.uint32) >> 16
        counts += np.bincount(place, minlength=BINS)
        squares += np.bincount(place, weights=np.square(part, dtype=np.float64), minlength=BINS)
    used = np.flatnonzero(counts)
    number, energy = counts[used], squares[used]
    from_there = np.cumsum(energy[::-1])[::-1]
    mean = energy / number
    left = np.divide(from_there, mean, out=np.full(len(used), np.inf), where=mean > 0)
    return _Bins(number, left)
