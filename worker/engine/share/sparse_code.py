"""A matrix as sparse codes times a dictionary of orthonormal atoms.

Sparse coding of signals (Aharon, Elad and Bruckstein, "K-SVD", IEEE Transactions on Signal
Processing 54(11), 2006, equation 2), here of the rows of a weight matrix:

    min over D, S  ||W - S D||_F^2    with at most N nonzeros in S

    W (rows, columns)   S (rows, K) the codes   D (K, columns) the atoms, K <= columns

A dictionary that makes a layer cheaper has fewer atoms than columns. Its atoms are held
orthonormal, D D^T = I, as Bao, Cai and Ji do ("Fast Sparsity-Based Orthogonal Dictionary
Learning for Image Restoration", ICCV 2013, algorithm 1), where K-SVD and orthogonal matching
pursuit would leave them free. Then each half has a closed form and the error never grows:

    codes   S = the N largest of |W D^T|, the others 0     (all rows compete)
    atoms   D = U V^T   with   S^T W = U diag(s) V^T       (orthogonal Procrustes)

It begins with the first K right singular vectors, where all codes together are the truncated
singular value decomposition. At the end the atoms are set free once, to the least squares
D = (S^T S)^+ S^T W (method of optimal directions: Engan, Aase and Husoy, ICASSP 1999).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats

Doubles = NDArray[np.float64]
SETTLED = 1e-6  # of the energy: a round that gains less is the last


@dataclass(frozen=True, slots=True)
class Coded:
    """`codes` (rows, K) and `atoms` (K, columns); `energy` is 1 - ||W - S D||^2 / ||W||^2."""

    codes: Floats
    atoms: Floats
    energy: float


def sparse_code(weight: Floats, atoms: int, nonzeros: int, rounds: int) -> Coded:
    """Codes and atoms of `weight` (rows, columns), in at most `rounds` rounds; of `atoms` there
    are at most as many as columns, of `nonzeros` at most rows * atoms."""
    wide = weight.astype(np.float64)
    dictionary = _first_right_vectors(wide, atoms)
    codes = largest(wide @ dictionary.T, nonzeros)
    kept, energy = 0.0, max(float(np.sum(wide**2)), np.finfo(np.float64).tiny)
    for _ in range(rounds):
        now = float(np.sum(codes**2))
        if now - kept <= SETTLED * energy:
            break
        kept = now
        left, _, right = np.linalg.svd(codes.T @ wide, full_matrices=False)
        dictionary = left @ right
        codes = largest(wide @ dictionary.T, nonzeros)
    free = np.linalg.lstsq(codes, wide, rcond=None)[0]
    lost = float(np.sum((wide - codes @ free) ** 2))
    return Coded(codes.astype(np.float32), free.astype(np.float32), 1 - lost / energy)


def _first_right_vectors(wide: Doubles, count: int) -> Doubles:
    """(count, columns), those of the largest singular values first."""
    vectors = np.linalg.eigh(wide.T @ wide)[1]
    return np.ascontiguousarray(vectors[:, ::-1][:, :count].T)


def largest(values: Doubles, count: int) -> Doubles:
    """`values`, all but the `count` largest magnitudes 0; of equal ones the earlier stay."""
    order = np.argsort(-np.abs(values), axis=None, kind="stable")[:count]
    kept = np.zeros_like(values)
    kept.flat[order] = values.flat[order]
    return kept
