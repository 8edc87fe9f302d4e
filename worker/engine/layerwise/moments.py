"""What is known of a layer's inputs: second moments, of the original net's and of the net
whose earlier layers are coded already."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats

Doubles = NDArray[np.float64]


@dataclass
class Moments:
    """Sums over rows, one matrix a group: x are rows of the original net, x' of the coded one.
    Without any row, as before the only step of a recurrent layer, all are zero.

    `own` sums x' x'^T, `cross` x x'^T, (groups, n, n); `mean` and `coded_mean` sum x and x'.
    """

    groups: int
    columns: int
    count: int = 0
    own: Doubles = field(init=False)
    cross: Doubles = field(init=False)
    mean: Doubles = field(init=False)
    coded_mean: Doubles = field(init=False)

    def __post_init__(self) -> None:
        square = (self.groups, self.columns, self.columns)
        self.own, self.cross = np.zeros(square), np.zeros(square)
        self.mean = np.zeros(square[:2])
        self.coded_mean = np.zeros(square[:2])

    def add(self, rows: Floats, coded: Floats) -> None:
        """Rows of both nets for the same examples, (groups, rows, columns)."""
        for group in range(self.groups):
            self.own[group] += coded[group].T @ coded[group]
            self.cross[group] += rows[group].T @ coded[group]
        self.mean += rows.sum(axis=1, dtype=np.float64)
        self.coded_mean += coded.sum(axis=1, dtype=np.float64)
        self.count += coded.shape[1]

    def centred(self, group: int) -> tuple[Doubles, Doubles]:
        """Means of x' x'^T and x x'^T around the means: for layers whose bias takes up what is
        left of the mean."""
        own, cross = self.raw(group)
        rows = max(self.count, 1)
        mean, coded = self.mean[group] / rows, self.coded_mean[group] / rows
        return own - np.outer(coded, coded), cross - np.outer(mean, coded)

    def raw(self, group: int) -> tuple[Doubles, Doubles]:
        """Means of x' x'^T and x x'^T."""
        rows = max(self.count, 1)
        return self.own[group] / rows, self.cross[group] / rows
