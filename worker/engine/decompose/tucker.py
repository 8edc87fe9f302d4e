"""Tucker-2 decomposition of a kernel: its output and input channels through fewer ones.

Kim, Park, Yoo, Choi, Yang and Shin, "Compression of Deep Convolutional Neural Networks for
Fast and Low Power Mobile Applications", ICLR 2016, arXiv:1511.06530, equations 3 to 6:

    W[o, i, x] ~ sum_{a, b} U[o, a] C[a, b, x] V[i, b],   C = W x_1 U^T x_2 V^T

    W (O, I, points)   the kernel, its spatial axes in one
    U (O, ro)  V (I, ri)  with orthonormal columns;  C (ro, ri, points)

Truncated higher-order SVD takes U and V from the unfoldings of W. Because both are orthonormal,
what a pair of ranks keeps is ||C||_F^2 over the first ro and ri indices of the full core: all
pairs are read off one table. Higher-order orthogonal iteration (De Lathauwer, De Moor and
Vandewalle 2000, SIAM J. Matrix Anal. Appl. 21) then improves the chosen pair: U from the
unfolding of W x_2 V^T, V from that of W x_1 U^T, and again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Unfolded = NDArray[np.floating]

TOLERANCE = 1e-6  # of the energy: a round that gains less is the last


@dataclass(frozen=True, slots=True)
class Bases:
    """All of U (O, O) and V (I, I), strongest first, and their squared singular values."""

    outputs: Doubles
    inputs: Doubles
    output_energies: Doubles
    input_energies: Doubles


def bases(kernel: Unfolded) -> Bases:
    """Of both unfoldings of `kernel` (O, I, points)."""
    outputs, output_energies = _basis(kernel.reshape(len(kernel), -1))
    turned = kernel.swapaxes(0, 1)
    inputs, input_energies = _basis(turned.reshape(len(turned), -1))
    return Bases(outputs, inputs, output_energies, input_energies)


def kept(kernel: Unfolded, found: Bases) -> Doubles:
    """(O, I): at [ro - 1, ri - 1] the fraction of the energy that truncation to them keeps;
    1 of none."""
    energy = np.square(_core(kernel, found.outputs, found.inputs)).sum(axis=2)
    total = energy.sum()
    table = energy.cumsum(axis=0).cumsum(axis=1)
    return table / total if total > 0 else np.ones_like(table)


def factors(
    kernel: Unfolded, found: Bases, ranks: tuple[int, int], iterations: int
) -> tuple[Doubles, Doubles, Doubles, float]:
    """U (O, ro), C (ro, ri, points), V (I, ri) and the fraction of the energy they keep."""
    outputs, inputs = found.outputs[:, : ranks[0]], found.inputs[:, : ranks[1]]
    total = float(np.square(kernel, dtype=np.float64).sum())
    core = _core(kernel, outputs, inputs)
    energy = float(np.square(core).sum())
    for _ in range(iterations):
        narrow = np.einsum("oip,ib->obp", kernel, inputs, optimize=True)
        outputs = _basis(narrow.reshape(len(kernel), -1))[0][:, : ranks[0]]
        narrow = np.einsum("oip,oa->iap", kernel, outputs, optimize=True)
        inputs = _basis(narrow.reshape(len(narrow), -1))[0][:, : ranks[1]]
        core = _core(kernel, outputs, inputs)
        before, energy = energy, float(np.square(core).sum())
        if energy - before <= TOLERANCE * total:
            break
    return outputs, core, inputs, energy / total if total > 0 else 1.0


def _core(kernel: Unfolded, outputs: Doubles, inputs: Doubles) -> Doubles:
    core: Doubles = np.einsum("oip,oa,ib->abp", kernel, outputs, inputs, optimize=True)
    return core


def _basis(matrix: Unfolded) -> tuple[Doubles, Doubles]:
    """Left singular vectors and squared singular values of (n, m), n of each, descending."""
    wide = matrix.astype(np.float64)
    values, vectors = np.linalg.eigh(wide @ wide.T)
    return vectors[:, ::-1], np.maximum(values[::-1], 0.0)
