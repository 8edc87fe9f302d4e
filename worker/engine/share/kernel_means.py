"""k-means over whole kernels.

Son, Nah and Lee, "Clustering Convolutional Kernels to Compress Deep Neural Networks", ECCV
2018, section 3: kernels as points, each replaced by the mean of its cluster (Lloyd's rounds).

    z[j] = argmin_c |x[j] - m[c]|^2        m[c] <- mean of the x[j] with z[j] = c

    x (kernels, k...) as rows (n, p)   m (K, p)

It starts from K of the kernels, drawn by a seed. A mean that no kernel is nearest to stays
where it is, and is not used.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Places = NDArray[np.int64]
ROWS = 1 << 14  # kernels whose distances are held at once


def kernel_means(kernels: Values, count: int, iterations: int, seed: int) -> Values:
    """At most `count` means (K, p) of `kernels` (n, p), of which there are more than that."""
    drawn = np.random.default_rng(seed).choice(len(kernels), count, replace=False)
    means = kernels[np.sort(drawn)].astype(np.float64)
    places = np.full(len(kernels), -1)
    for _ in range(iterations):
        moved = nearest_mean(means, kernels)
        if np.array_equal(moved, places):
            break
        places = moved
        totals = np.zeros_like(means)
        np.add.at(totals, places, kernels)
        members = np.bincount(places, minlength=count)[:, None]
        means = np.where(members > 0, totals / np.maximum(members, 1), means)
    return means.astype(np.float32)


def nearest_mean(means: NDArray[np.floating], kernels: Values) -> Places:
    """(n,) for each of `kernels` (n, p) its nearest of `means`; of equal ones the first."""
    lengths = np.sum(np.square(means, dtype=np.float64), axis=1)
    return np.concatenate(
        [np.argmin(lengths - 2 * (part @ means.T), axis=1) for part in _parts(kernels)]
    )


def _parts(kernels: Values) -> Iterator[NDArray[np.float64]]:
    for at in range(0, len(kernels), ROWS):
        yield kernels[at : at + ROWS].astype(np.float64)
