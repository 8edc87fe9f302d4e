"""Labelled points that a tiny net can learn to tell apart."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from worker.engine.context import Arrays

CENTRES = np.float32([[2, 0], [-1, 2], [-1, -2]])


@dataclass(frozen=True)
class Points:
    """Examples of one input `x`, (count, width), labelled by hand or not at all."""

    x: NDArray[np.generic]
    y: NDArray[np.generic] | None = None

    @classmethod
    def around_centres(cls, count: int, width: int = 2) -> Self:
        """Around three centres, labelled by their centre; only the first two of `width`
        numbers tell anything."""
        draw = np.random.default_rng(3)
        labels = draw.integers(0, 3, count)
        centres = np.pad(CENTRES, ((0, 0), (0, width - 2)))
        x = centres[labels] + draw.normal(size=(count, width)).astype(np.float32) * 0.4
        return cls(x.astype(np.float32), labels)

    @property
    def count(self) -> int:
        return len(self.x)

    @property
    def has_labels(self) -> bool:
        return self.y is not None

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": self.x[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        assert self.y is not None
        return self.y[rows]
