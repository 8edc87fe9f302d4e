"""What codes cost, quickly: an estimate for searches over rate and distortion.

A code at (i, j) is not zero with the chance

    p_ij = r_i c_j / t,  r_i and c_j the nonzero codes of its row and column, t those of all

(at most 1 - 1 / (cells + 2)), so that with h the order-0 entropy of the magnitudes

    bits = sum_ij -log2(p_ij or 1 - p_ij) + t (1 + h) + sum over rows and columns of
           log2(1 + r_i) / 2,  log2(1 + c_j) / 2

The last sum is what the densities cost that a coder learns on its way (Rissanen, "Universal
coding, information, prediction, and estimation", 1984: half a logarithm for a parameter).
"""

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]


def coded_bits(codes: Codes) -> float:
    """About how many bits `codes` (rows, columns) take; no header, no tables.

    Time goes with the codes plus different row counts times different column counts.
    """
    there = codes != 0
    total = int(np.count_nonzero(there))
    if not total:
        return 0.0
    rows, columns = there.sum(1), there.sum(0)
    _, magnitudes = np.unique(np.abs(codes[there]), return_counts=True)
    entropy = float(-(magnitudes * np.log2(magnitudes / total)).sum())
    learned = float(np.log2(1 + rows).sum() + np.log2(1 + columns).sum()) / 2
    return _position_bits(there, rows, columns) + total + entropy + learned


def _position_bits(
    there: NDArray[np.bool_], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> float:
    """Where the nonzero codes are: rows (columns) of equal counts are one group."""
    row_counts, row_group, of_rows = np.unique(rows, return_inverse=True, return_counts=True)
    column_counts, column_group, of_columns = np.unique(
        columns, return_inverse=True, return_counts=True
    )
    cells = np.outer(of_rows, of_columns)
    i, j = np.nonzero(there)
    size = len(column_counts)
    flat = np.bincount(row_group[i] * size + column_group[j], minlength=cells.size)
    ones = flat.reshape(cells.shape)
    most = 1 - 1 / (cells + 2)
    chance = np.minimum(np.outer(row_counts, column_counts) / rows.sum(), most)
    some = chance > 0  # no one lies where the chance is zero, and zeros cost nothing there
    return float(
        -(ones[some] * np.log2(chance[some])).sum()
        - ((cells - ones)[some] * np.log2(1 - chance[some])).sum()
    )
