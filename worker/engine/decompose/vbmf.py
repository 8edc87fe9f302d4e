"""How many singular values of a matrix stand out from noise.

Nakajima, Sugiyama, Babacan and Tomioka, "Global Analytic Solution of Fully-observed
Variational Bayesian Matrix Factorization", JMLR 14 (2013), 1-37: the empirical solution.

    V (L, M), L <= M, alpha = L / M; g_h its singular values; s2 the variance of the noise
    t      the zero of phi(t) + phi(t / alpha), phi(z) = log(z + 1) / z - 1/2
    x_     (1 + t) (1 + alpha / t)
    kept   g_h > sqrt(M s2 x_)                                              theorem 2

s2 is unknown and minimises the free energy, theorem 3:

    Omega(s2)  sum_h psi(g_h^2 / (M s2))
    psi(x)     x - log x, and where x > x_ in addition
               log(tau + 1) + alpha log(tau / alpha + 1) - tau
    tau(x)     (x - (1 + alpha) + sqrt((x - (1 + alpha))^2 - 4 alpha)) / 2

between the bounds of that theorem. Omega may have several minima, so the interval is looked
at on a grid and then refined about the best point. The paper also shrinks the values that are
kept; here only their number is taken, as Kim et al. (arXiv:1511.06530) do.
"""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

GRID = 200  # first looks at Omega, equally far apart in log s2
REFINEMENTS = 40  # of an interval, each to 0.62 of it
BISECTIONS = 100
GOLDEN = (np.sqrt(5.0) - 1) / 2


def vbmf_rank(singular_values: Doubles, rows: int, columns: int) -> int:
    """The number kept of the min(rows, columns) singular values (any order)."""
    short, long = sorted((rows, columns))
    values = np.sort(singular_values)[::-1][:short]
    if not values.any():
        return 0
    values = np.maximum(values, values[0] * np.finfo(np.float64).eps)  # a zero is rounding
    alpha = short / long
    least = _threshold(alpha)
    variance = _noise_variance(values, short, long, least)
    return int(np.count_nonzero(values**2 > long * variance * least))


def _threshold(alpha: float) -> float:
    """x_ of 0 < alpha <= 1; t lies between sqrt(alpha) and 2.52 sqrt(alpha)."""
    low, high = 1e-12, 3.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _phi(middle) + _phi(middle / alpha) > 0:
            low = middle
        else:
            high = middle
    return (1 + low) * (1 + alpha / low)


def _phi(z: float) -> float:
    return float(np.log1p(z) / z - 0.5)


def _noise_variance(values: Doubles, short: int, long: int, least: float) -> float:
    """The s2 in its bounds that makes Omega least; `values` (short,) descending."""
    energy = values**2
    alpha = short / long
    most_kept = int(np.ceil(short / (1 + alpha))) - 1
    rest = energy[most_kept:]
    low = max(energy[most_kept] / (long * least), rest.mean() / long)
    high = energy.mean() / long
    low = max(low, high * np.finfo(np.float64).eps)  # no noise at all would be all rank

    def omega(log_variance: float) -> float:
        return _omega(energy / (long * np.exp(log_variance)), alpha, least)

    grid = np.linspace(np.log(low), np.log(max(high, low)), GRID)
    best = int(np.argmin([omega(point) for point in grid]))
    left, right = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    for _ in range(REFINEMENTS):
        a, b = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
        left, right = (left, b) if omega(a) < omega(b) else (a, right)
    return float(np.exp((left + right) / 2))


def _omega(x: Doubles, alpha: float, least: float) -> float:
    """`x` (short,): squared singular values over M s2, none of them 0."""
    signal = x[x > least]
    apart = signal - (1 + alpha)
    tau = (apart + np.sqrt(apart**2 - 4 * alpha)) / 2
    gain = np.log1p(tau) + alpha * np.log1p(tau / alpha) - tau
    return float(np.sum(x - np.log(x)) + np.sum(gain))
