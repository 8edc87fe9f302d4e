"""Which rows and columns of the matrices before have a code that is not zero.

A neuron without inputs has no readers: where a row of one layer's weights is all zeros, so are
its bias and, mostly, the columns of the next layer that read it. Of the masks known so far,
the rows' and then the columns' of each matrix, all as they were read, the hint for `length`
lines is taken from the longest whose length divides `length`, of equal ones from the latest:

    hint(line) = 1 + mask[line // (length / mask length)];  0 where there is no such mask

so 1 says that all was zero there, 2 that something was not. A matrix with fewer than 4 rows or
columns (a bias) leaves no mask.
"""

import numpy as np
from numpy.typing import NDArray

HINTS = 3
SHORTEST = 4


class Alive:
    """The masks of the matrices of one stream."""

    def __init__(self) -> None:
        self._masks: dict[int, NDArray[np.uint8]] = {}

    def add(self, codes: NDArray[np.int32]) -> None:
        """A matrix (rows, columns) is known."""
        if min(codes.shape) >= SHORTEST:
            for mask in ((codes != 0).any(1), (codes != 0).any(0)):
                self._masks[len(mask)] = mask.astype(np.uint8)

    def hints(self, length: int) -> list[int]:
        """The hint for each of `length` rows or columns."""
        fitting = [known for known in self._masks if not length % known]
        if not fitting:
            return [0] * length
        mask = self._masks[max(fitting)]
        hints: list[int] = np.repeat(mask + 1, length // len(mask)).tolist()
        return hints
