"""The distortion that a target allows, found by coding the net a few times.

Bits fall by half a bit a weight as the distortion doubles, so a size is aimed at by that
slope. What a net loses grows with the distortion, but not evenly, so a loss is bracketed by
factors and then halved between; among the nets that hold the target the smallest is kept,
and where none does, the one that misses it least.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lathe.techniques.rate import RateTarget
from worker.engine.rate.post.coded_net import CodedNet

MOST_SWEEPS = 7
LEAST_DISTORTION, MOST_DISTORTION = 1e-6, 4.0
BRACKET = 4.0  # factor between tries while no bound is known
CLOSE = 1.15  # bounds whose distortions differ by less are not halved again
SIZE_CLOSE = 0.97  # of the size asked for


@dataclass(frozen=True, slots=True)
class Attempt:
    """The net at one distortion, its estimated size (of the packed file where a size is
    limited, else of the codes), and its judged loss."""

    distortion: float
    net: CodedNet
    size_bytes: float
    drop: float | None

    def meets(self, target: RateTarget) -> bool:
        """Whether every limit of the target holds."""
        return self.excess(target) <= 0

    def excess(self, target: RateTarget) -> float:
        """How far it misses the target, relative to it; 0 where it holds."""
        missed = 0.0
        if target.max_bytes is not None:
            missed += max(self.size_bytes / target.max_bytes - 1, 0.0)
        if target.max_drop is not None and self.drop is not None:
            missed += max(self.drop - target.max_drop, 0.0) / max(target.max_drop, 1e-6)
        return missed


Try = Callable[[float], Attempt]


def search(
    target: RateTarget, start: float, weights: int, attempt: Try, *, judged: bool
) -> list[Attempt]:
    """Every net that was coded, the chosen one first; `weights` is how many are coded. A
    target without a size needs a loss that is `judged`."""
    if target.max_drop is None or not judged:
        tried = _to_size(target, start, weights, attempt)
        return sorted(tried, key=lambda one: (one.excess(target), one.distortion))
    tried = _to_drop(target, start, attempt)
    return sorted(tried, key=lambda one: (one.excess(target), one.size_bytes))


def _to_size(target: RateTarget, start: float, weights: int, attempt: Try) -> list[Attempt]:
    limit = float(target.max_bytes or 0)
    tried: list[Attempt] = []
    distortion = start
    for _ in range(MOST_SWEEPS):
        tried.append(attempt(distortion))
        size = tried[-1].size_bytes
        if SIZE_CLOSE * limit <= size <= limit:
            break
        aim = (1 + SIZE_CLOSE) / 2 * limit
        wanted = _bounded(distortion * 4 ** (8 * (size - aim) / weights))
        fine = max((t.distortion for t in tried if t.size_bytes > limit), default=0.0)
        small = min((t.distortion for t in tried if t.size_bytes <= limit), default=0.0)
        if small and fine and not fine < wanted < small:
            wanted = (fine * small) ** 0.5
        if wanted == distortion:
            break
        distortion = wanted
    return tried


def _to_drop(target: RateTarget, start: float, attempt: Try) -> list[Attempt]:
    limit = target.max_drop or 0.0
    tried: list[Attempt] = []
    distortion, good, bad = start, 0.0, 0.0
    for _ in range(MOST_SWEEPS):
        tried.append(attempt(distortion))
        drop = tried[-1].drop
        if drop is not None and drop <= limit:
            good = max(good, distortion)
        else:
            bad = min(bad or distortion, distortion)
        if good and bad:
            if bad / good < CLOSE:
                break
            wanted = (good * bad) ** 0.5
        else:
            wanted = _bounded(distortion * BRACKET if good else distortion / BRACKET)
        if wanted == distortion:
            break
        distortion = wanted
    return tried


def _bounded(distortion: float) -> float:
    return min(max(distortion, LEAST_DISTORTION), MOST_DISTORTION)
