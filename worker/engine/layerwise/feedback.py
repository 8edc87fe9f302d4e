"""Rounding column by column, each error made good by the columns still to come.

Frantar, Ashkboos, Hoefler and Alistarh, "GPTQ", arXiv:2210.17323, equations 2 and 3, in the
Cholesky form of its algorithm 1:

    H    = second moments of the inputs, damped;   U = upper Cholesky factor of H^-1
    q_j  = round(w_j / D);   e = (w_j - q_j D) / U_jj;   w_k -= e U_jk  for all k > j

    W (rows, n)  weights, H (n, n); what is minimised is the sum of e^2 over rows and columns

Here the grid is a uniform one whose codes are entropy-coded, so it has no last level.
"""

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


def fed_back(
    weight: Floats, upper: Doubles, step: float, kept: NDArray[np.bool_] | None = None
) -> NDArray[np.int32]:
    """Codes (rows, n) of `weight`, ties to even; zero where `kept` (rows, n) is False."""
    rows, n = weight.shape
    left = np.array(weight.T, np.float32, order="C")  # (n, rows)
    u, width = upper.astype(np.float32), np.float32(step)
    codes = np.empty((n, rows), np.float32)
    for start in range(0, n, BLOCK):
        end = min(start + BLOCK, n)
        errors = np.empty((end - start, rows), np.float32)
        for j in range(start, end):
            codes[j] = np.rint(left[j] / width)
            if kept is not None:
                codes[j] *= kept[:, j]
            errors[j - start] = (left[j] - codes[j] * width) / u[j, j]
            left[j + 1 : end] -= u[j, j + 1 : end, None] * errors[j - start]
        left[end:] -= u[start:end, end:].T @ errors
    return np.ascontiguousarray(codes.T.astype(np.int32))
