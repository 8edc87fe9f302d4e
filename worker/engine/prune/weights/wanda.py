"""Wanda: the weights that matter least to their own output, by weight and input.

Sun, Liu, Bair and Kolter, "A Simple and Effective Pruning Approach for Large Language
Models", arXiv:2306.11695, equation 1:

    score[o, j] = |W[o, j]| ||X[:, j]||_2

    W  (rows, columns)   weights of one output a row; X (n, columns) its inputs

Scores compete within one output. The paper's layers are all linear; of a convolution X are
the patches under its kernel, of an LSTM's R the states it reads.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats


@dataclass
class Energies:
    """Sums of squares of a changed net's inputs, (groups, columns)."""

    groups: int
    columns: int
    squares: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.squares = np.zeros((self.groups, self.columns))

    def add(self, rows: Floats, coded: Floats) -> None:
        """Rows of both nets, (groups, rows, columns); those of the original do not count."""
        del rows
        self.squares += np.square(coded, dtype=np.float64).sum(axis=1)


def scores(matrices: Floats, energies: Energies) -> Floats:
    """One score a weight, (groups, rows, columns)."""
    norms = np.sqrt(energies.squares)[:, None, :]
    return (np.abs(matrices) * norms).astype(np.float32)
