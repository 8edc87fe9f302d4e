"""CP decomposition of a kernel: a sum of rank-one kernels, found by alternating least squares.

Lebedev, Ganin, Rakhuba, Oseledets and Lempitsky, "Speeding-up Convolutional Neural Networks
Using Fine-tuned CP-Decomposition", ICLR 2015, arXiv:1412.6553, equation 2:

    W[o, i, y, x] ~ sum_r A[o, r] B[i, r] C[y, r] D[x, r]

    W (O, I, k...)   factors (n, R), one for each axis of W

One factor after the other is the least-squares solution for the others held fixed (Kolda and
Bader 2009, SIAM Review 51, section 3.4), here pulled to where it was by a little:

    F <- (X K + m F) (G + m I)^-1,   G = the others' F^T F multiplied elementwise

with X K the unfolded W times the Khatri-Rao product of the others and m a small part of the
mean diagonal of G (Li, Kindermann and Navasca 2013, Linear Algebra Appl. 438): the fixed points
stay, and two components that cancel each other grow more slowly. The paper fits by non-linear
least squares, and says that ALS was worse; what a fit keeps is measured, and it is bounded in
rounds. It starts from the unfoldings' singular vectors, where the rank has more columns than
those from seeded noise.
"""

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

PULL = 1e-3  # m in mean diagonals of G
TOLERANCE = 1e-5  # of the energy: a round that gains less is the last
GROWTH = 1.5  # from one rank that is tried to the next


@dataclass(frozen=True, slots=True)
class Fit:
    """`factors`, one (n, R) an axis, alike in norm by component, keep the fraction `energy` of
    the squared kernel; a bad fit may keep less than none."""

    factors: tuple[Doubles, ...]
    energy: float
    rounds: int


def ladder(most: int) -> list[int]:
    """The ranks that are tried up to `most`: 1, 2, 3, 4, 6, 9, 13 and on."""
    found, following = list[int](), 1
    while following <= most:
        found.append(following)
        following = max(following + 1, int(following * GROWTH))
    return found


def highest(shape: tuple[int, ...]) -> int:
    """A rank that is enough for every tensor of `shape`: all elements but the longest axis."""
    return math.prod(shape) // max(shape)


def fit(kernel: Doubles, rank: int, iterations: int, seed: int) -> Fit:
    """Of `kernel` (O, I, k...), in at most `iterations` rounds; the same seed, the same fit."""
    factors = _start(kernel, rank, np.random.default_rng(seed))
    total = float(np.square(kernel).sum())
    energy, rounds = -math.inf, 0
    while rounds < iterations:
        rounds += 1
        error = _round(kernel, factors)
        before, energy = energy, 1 - error / total if total > 0 else 1.0
        if energy - before <= TOLERANCE:
            break
    return Fit(_balanced(factors), energy, rounds)


def _start(kernel: Doubles, rank: int, draw: np.random.Generator) -> list[Doubles]:
    factors = []
    for axis, size in enumerate(kernel.shape):
        unfolded = np.moveaxis(kernel, axis, 0).reshape(size, -1)
        vectors = np.linalg.eigh(unfolded @ unfolded.T)[1][:, ::-1]
        factor = draw.standard_normal((size, rank))
        shared = min(size, rank)
        factor[:, :shared] = vectors[:, :shared]
        factors.append(factor)
    return factors


def _round(kernel: Doubles, factors: list[Doubles]) -> float:
    """Update every factor in place; ||W - W'||_F^2 afterwards.

    The outputs go first; what the others need of them is summed over O once.
    """
    outputs = kernel.shape[0]
    others = reduce(_khatri_rao, factors[1:])
    _update(factors, 0, kernel.reshape(outputs, -1) @ others)
    summed = np.tensordot(factors[0], kernel, (0, 0))  # (R, I, k...)
    product = np.empty(0)
    for axis in range(1, kernel.ndim):
        product = _product(summed, factors, axis)
        _update(factors, axis, product)
    cross = float(np.sum(product * factors[-1]))
    model = float(reduce(np.multiply, (f.T @ f for f in factors)).sum())
    return float(np.square(kernel).sum()) - 2 * cross + model


def _update(factors: list[Doubles], axis: int, product: Doubles) -> None:
    """`product` (n, R) is X K of this axis."""
    moments = reduce(np.multiply, (f.T @ f for k, f in enumerate(factors) if k != axis))
    pull = PULL * float(np.trace(moments)) / len(moments) or 1.0
    pulled = moments + pull * np.eye(len(moments))
    solved = np.linalg.solve(pulled, (product + pull * factors[axis]).T)
    factors[axis] = np.asarray(solved.T, np.float64)


def _product(summed: Doubles, factors: list[Doubles], axis: int) -> Doubles:
    """(n, R) of `axis` from `summed` (R, I, k...): all the other axes summed with theirs."""
    left = summed
    for other in range(summed.ndim - 1, 0, -1):
        if other != axis:
            shape = [-1] + [1] * (left.ndim - 1)
            shape[other] = len(factors[other])
            left = (left * factors[other].T.reshape(shape)).sum(axis=other, keepdims=True)
    return left.reshape(len(summed), -1).T


def _khatri_rao(left: Doubles, right: Doubles) -> Doubles:
    """(n m, R) of (n, R) and (m, R)."""
    return (left[:, None, :] * right[None, :, :]).reshape(-1, left.shape[1])


def _balanced(factors: list[Doubles]) -> tuple[Doubles, ...]:
    norms = [np.linalg.norm(factor, axis=0) for factor in factors]
    each = reduce(np.multiply, norms) ** (1 / len(factors))
    return tuple(
        factor * np.divide(each, norm, out=np.zeros_like(each), where=norm > 0)
        for factor, norm in zip(factors, norms, strict=True)
    )
