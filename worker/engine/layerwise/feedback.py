"""Rounding column by column, each error made good by the columns still to come.

Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ", arXiv:2210.17323, equations 2 and 3, in the
Cholesky form of its algorithm 1:

    H    = second moments of the inputs, damped;   U = upper Cholesky factor of H^-1
    q_j  = round(w_j / D);   e = (w_j - q_j D) / U_jj;   w_k -= e U_jk  for all k > j

    W (rows, n)  weights, H (n, n); what is minimised is the sum of e^2 over rows and columns

The grid is anybody's: one step without a last level for codes that are entropy-coded
(`fed_back`), or scales of blocks, made when their first column comes up (`with_feedback`).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

BLOCK = 64  # columns whose errors reach the columns behind them together


def factor(moments: Doubles, damping: float) -> Doubles:
    """U of the damped (n, n) second moments; `damping` is a fraction of their mean diagonal.

    A column whose input is always zero has no say: its weight rounds by itself.
    """
    n = len(moments)
    mean = float(np.trace(moments)) / n
    ridge = damping * mean if mean > 0 else 1.0
    damped = moments + ridge * np.eye(n)
    # H = L L' with the order of columns reversed gives H^-1 = U' U in place of an inverse:
    lower = np.linalg.cholesky(damped[::-1, ::-1])
    upper = np.linalg.inv(lower)[::-1, ::-1]
    return np.ascontiguousarray(upper)


class Grid(Protocol):
    """Levels that weights are rounded to, column by column."""

    @property
    def width(self) -> int:
        """Columns whose errors reach the columns behind them together."""
        ...

    def begin(self, column: int, left: Floats) -> None:
        """The columns from this one on are next; `left` (width, rows) is what they hold."""
        ...

    def codes(self, column: int, weights: Floats) -> Floats:
        """Whole numbers (rows,) for the weights of a column; a zero must stay one."""
        ...

    def values(self, column: int, codes: Floats) -> Floats:
        """What those codes stand for, (rows,)."""
        ...


@dataclass(frozen=True, slots=True)
class OneStep:
    """All multiples of a step."""

    step: np.float32
    width: int = BLOCK

    def begin(self, column: int, left: Floats) -> None:
        """Nothing depends on the weights."""

    def codes(self, column: int, weights: Floats) -> Floats:  # noqa: ARG002 - all are alike
        """The nearest multiples, ties to even."""
        whole: Floats = np.rint(weights / self.step)
        return whole

    def values(self, column: int, codes: Floats) -> Floats:  # noqa: ARG002 - all are alike
        """Codes times the step."""
        return codes * self.step


def fed_back(
    weight: Floats, upper: Doubles, step: float, kept: NDArray[np.bool_] | None = None
) -> NDArray[np.int32]:
    """Codes (rows, n) of `weight`, ties to even; zero where `kept` (rows, n) is False."""
    return with_feedback(weight, upper, OneStep(np.float32(step)), kept)


def with_feedback(
    weight: Floats, upper: Doubles, grid: Grid, kept: NDArray[np.bool_] | None = None
) -> NDArray[np.int32]:
    """Codes (rows, n) of `weight` on `grid`; those of zero where `kept` (rows, n) is False."""
    rows, n = weight.shape
    left = np.array(weight.T, np.float32, order="C")  # (n, rows)
    u = upper.astype(np.float32)
    codes = np.empty((n, rows), np.float32)
    for start in range(0, n, grid.width):
        end = min(start + grid.width, n)
        grid.begin(start, left[start:end])
        errors = np.empty((end - start, rows), np.float32)
        for j in range(start, end):
            wanted = left[j] if kept is None else left[j] * kept[:, j]
            codes[j] = grid.codes(j, wanted)
            errors[j - start] = (left[j] - grid.values(j, codes[j])) / u[j, j]
            left[j + 1 : end] -= u[j, j + 1 : end, None] * errors[j - start]
        left[end:] -= u[start:end, end:].T @ errors
    return np.ascontiguousarray(codes.T.astype(np.int32))
