"""Rows and columns of a matrix in classes of like activity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
OUTERMOST = (1, 99)  # percent: beyond them all are of the last class


@dataclass(frozen=True, eq=False)
class Activity:
    """log2 of the mean bit length of |code| of each row and column; -inf where all are zero."""

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]

    @classmethod
    def of(cls, codes: Codes) -> "Activity":
        """The activities of `codes` (rows, columns)."""
        lengths = np.frexp(np.abs(codes.astype(np.float32)))[1]  # of 0: 0
        with np.errstate(divide="ignore"):
            return cls(np.log2(lengths.mean(1)), np.log2(lengths.mean(0)))


def classes(values: NDArray[np.float64], count: int, width: float) -> NDArray[np.uint8]:
    """Class 1 to `count` of each activity, `width` octaves each; 0 where it is -inf."""
    live = np.isfinite(values)
    found = np.zeros(len(values), np.uint8)
    if live.any():
        least = np.percentile(values[live], OUTERMOST[0])
        steps = np.rint((values[live] - least) / width) if width else np.zeros(int(live.sum()))
        found[live] = 1 + np.clip(steps, 0, count - 1)
    return found


def spread(values: NDArray[np.float64]) -> float:
    """Octaves between the outermost activities that count."""
    live = values[np.isfinite(values)]
    if not live.size:
        return 0.0
    least, most = np.percentile(live, OUTERMOST)
    return float(most - least)
