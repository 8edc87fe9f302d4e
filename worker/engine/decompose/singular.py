"""Truncated singular value decomposition, of weights or of what they make of their inputs.

Eckart and Young 1936: of all matrices of rank r, W_r = U_r S_r V_r^T is nearest to
W = U S V^T, and keeps the fraction sum_{h<=r} s_h^2 / sum_h s_h^2 of its squares.

With inputs x the error that counts is E |W x - W' x|^2 = ||(W - W') L||_F^2 with the Cholesky
factor L of their second moments H = E x x^T = L L^T, so that

    W L = U S V^T,   W' = U_r S_r V_r^T L^-1 = U_r U_r^T W

(Zhang, Zou, He and Sun 2015, arXiv:1505.06798, section 2.2; Wang et al. 2024, "SVD-LLM",
arXiv:2403.07378). H is damped, so that directions which no example had are kept as well as the
weights alone would have them.

    W (groups, rows, columns)   n = min(rows, columns)
    first (groups, r, columns), second (groups, rows, r), each with the root of the values

The basis comes from the eigenvectors of the smaller of W H W^T (U) and L^T W^T W L (V), in
float64: n^2 numbers and not the (rows, columns) of U S V^T are ever held.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats
from worker.engine.onnx_file.blocks import blocks

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Basis:
    """`energies` (groups, n) are the squared singular values, descending. `up` (groups, n, n)
    holds U; of a tall matrix L V, and then `down` is L^-T V."""

    energies: Doubles
    up: Doubles
    down: Doubles | None = None

    @property
    def kept(self) -> Doubles:
        """(n,) the fraction of the energy of all groups that rank 1, 2, ... n keeps; 1 of
        none."""
        each = self.energies.sum(axis=0)
        total = each.sum()
        return np.cumsum(each) / total if total > 0 else np.ones_like(each)


def is_tall(rows: int, columns: int) -> bool:
    """Whether the basis is that of the columns."""
    return rows > columns


def gram(matrices: Floats) -> Doubles:
    """(groups, n, n): W W^T, or W^T W of tall matrices, summed in float64 block by block."""
    groups, rows, columns = matrices.shape
    short = matrices if is_tall(rows, columns) else matrices.transpose(0, 2, 1)
    total = np.zeros((groups, short.shape[2], short.shape[2]))
    for group in range(groups):
        for part in blocks(short[group]):
            wide = short[group][part].astype(np.float64)
            total[group] += wide.T @ wide
    return total


def basis(matrices: Floats, felt: Doubles | None = None) -> Basis:
    """The basis of each group; `felt` (groups, n, n) is W H W^T, of tall matrices H."""
    if not is_tall(*matrices.shape[1:]):
        return Basis(*_eigen(gram(matrices) if felt is None else felt))
    if felt is None:
        energies, vectors = _eigen(gram(matrices))
        return Basis(energies, vectors, vectors)
    lower = np.linalg.cholesky(felt)
    turned = lower.transpose(0, 2, 1)
    energies, vectors = _eigen(turned @ gram(matrices) @ lower)
    return Basis(energies, lower @ vectors, np.linalg.solve(turned, vectors))


def factors(matrices: Floats, found: Basis, rank: int) -> tuple[Floats, Floats]:
    """`first` and `second` of that rank, at most n; second @ first is W'."""
    roots = np.sqrt(np.sqrt(found.energies[:, :rank]))[:, None, :]
    roots = np.where(roots > 0, roots, 1.0)  # no energy in this direction, and so no product
    up = found.up[:, :, :rank]
    small = (up / roots).astype(np.float32)
    if found.down is None:
        return small.transpose(0, 2, 1) @ matrices, (up * roots).astype(np.float32)
    first = (found.down[:, :, :rank] * roots).transpose(0, 2, 1)
    return np.ascontiguousarray(first, np.float32), matrices @ small


def _eigen(symmetric: Doubles) -> tuple[Doubles, Doubles]:
    """Eigenvalues, descending and not below 0, and eigenvectors as columns, a group each."""
    values, vectors = np.linalg.eigh(symmetric)
    return np.maximum(values[:, ::-1], 0.0), vectors[:, :, ::-1]
