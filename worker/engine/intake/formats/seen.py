"""What is noticed of an array while its elements pass by."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.engine.intake.formats.content import SAMPLES, Declared
from worker.engine.intake.npy_header import BadArrayError

BLOCK = 1 << 16  # elements: what the widening to float64 holds at once
SHOWN = 8  # first values of an example
MOST_CLASSES = 10_000


@dataclass(slots=True)
class Seen:
    """Least, greatest, mean and spread, how often each label occurs, and the first values."""

    declared: Declared
    count_labels: bool = False
    passed: int = 0
    minimum: float | None = None
    maximum: float | None = None
    total: float = 0.0
    squares: float = 0.0
    labels: Counter[int] = field(default_factory=Counter)
    first: list[list[float]] = field(default_factory=lambda: [[] for _ in range(SAMPLES)])

    def take(self, values: NDArray[np.generic]) -> None:
        """Look at the next elements; raises BadArrayError for NaN and infinities."""
        flat = values.reshape(-1)
        if not flat.size:
            return
        _check_finite(flat)
        low, high = float(flat.min()), float(flat.max())
        self.minimum = low if self.minimum is None else min(low, self.minimum)
        self.maximum = high if self.maximum is None else max(high, self.maximum)
        for block in _blocks(flat):
            wide = block.astype(np.float64)
            self.total += float(wide.sum())
            self.squares += float(wide @ wide)
        if self.count_labels and len(self.labels) <= MOST_CLASSES:
            found, counts = np.unique(flat, return_counts=True)
            self.labels.update(dict(zip(found.tolist(), counts.tolist(), strict=True)))
        self._keep_first(flat)
        self.passed += flat.size

    @property
    def mean(self) -> float | None:
        """Of all elements."""
        return _finite(self.total / self.passed) if self.passed else None

    @property
    def std(self) -> float | None:
        """Of all elements around their mean."""
        if not self.passed:
            return None
        mean = self.total / self.passed
        return _finite(math.sqrt(max(0.0, self.squares / self.passed - mean * mean)))

    def _keep_first(self, flat: NDArray[np.generic]) -> None:
        size = math.prod(self.declared.shape[1:])
        if self.passed >= SAMPLES * size:
            return
        for row, kept in enumerate(self.first):
            begin = row * size + len(kept) - self.passed
            end = row * size + min(size, SHOWN) - self.passed
            if 0 <= begin < end:
                kept += [float(value) for value in flat[begin:end].tolist()]


def _check_finite(flat: NDArray[np.generic]) -> None:
    if flat.dtype.kind != "f":
        return
    wrong = int(np.count_nonzero(~np.isfinite(flat)))
    if wrong:
        raise BadArrayError(
            f"holds {wrong} or more values that are NaN or infinite; remove or replace them"
        )


def _blocks(flat: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK]


def _finite(value: float) -> float | None:
    """Squares of huge values overflow; such a spread is not told."""
    return value if math.isfinite(value) else None
