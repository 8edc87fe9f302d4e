"""SparseGPT: weights fall column by column, and those still to come make good what is lost.

Frantar and Alistarh, "SparseGPT: Massive Language Models Can Be Accurately Pruned in
One-Shot", arXiv:2301.00774, algorithm 1. With H the damped second moments of a layer's
inputs and U the upper Cholesky factor of H^-1, the weights of some columns fall that have
the smallest

    w_rj^2 / U_jj^2

the loss of leaving one out when the columns behind it make it good, and that they do:

    e_rj = w_rj / U_jj where w_rj falls, else 0;    w_rk -= e_rj U_jk  for all k > j

    W (rows, n)  weights, H (n, n)

Weights are chosen together for all rows of SELECTED columns, or for each row and block of a
pattern, as they are when their turn has come. Zeros of an earlier mask fall again whatever
their score.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats
from worker.engine.prune.weights.selection import Fall, falling, of_all, of_each_block

SELECTED = 128  # columns; B and B_s of the paper
DAMPING = 0.01  # of H, as a fraction of its mean diagonal; lambda of the paper

Choose = Callable[[Floats, int], Fall]
Doubles = NDArray[np.float64]


def in_share(sparsity: float, columns: int) -> Choose:
    """`sparsity` of all rows of each SELECTED of the `columns`, in their order."""

    def choose(scores: Floats, start: int) -> Fall:
        rows, width = scores.shape
        end = min(start + width, columns)
        return of_all(scores, falling(sparsity, rows * end) - falling(sparsity, rows * start))

    return choose


def in_blocks(keep: int, of: int) -> Choose:
    """All but `keep` of each block of `of`."""
    return lambda scores, _: of_each_block(scores, keep, of)


def made_good(
    weight: Floats, upper: Doubles, choose: Choose, together: int, fixed: Fall | None = None
) -> Floats:
    """New weights (rows, n), zero where they fell and where `fixed` (rows, n) says so.

    `choose` gets the scores of `together` columns, (rows, columns), and the number of the
    first of them.
    """
    left = weight.astype(np.float64)
    falls: Fall = np.zeros(weight.shape, np.bool_)
    for start in range(0, weight.shape[1], together):
        end = min(start + together, weight.shape[1])
        scores = np.square(left[:, start:end] / np.diag(upper)[start:end])
        if fixed is not None:
            scores[fixed[:, start:end]] = 0
        here = choose(scores.astype(np.float32), start)
        if fixed is not None:
            here = here | fixed[:, start:end]
        falls[:, start:end] = here
        errors = np.empty(here.shape)
        for j in range(start, end):
            errors[:, j - start] = np.where(here[:, j - start], left[:, j] / upper[j, j], 0)
            left[:, j:end] -= np.outer(errors[:, j - start], upper[j, j:end])
        left[:, end:] -= errors @ upper[start:end, end:]
    return np.where(falls, 0, left).astype(np.float32)
