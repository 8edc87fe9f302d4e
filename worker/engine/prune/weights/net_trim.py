"""The sparsest weights that answer a layer's inputs as it did, by convex optimisation.

Aghasi, Abdi, Nguyen and Romberg, "Net-Trim: Convex Pruning of Deep Neural Networks with
Performance Guarantee", arXiv:1611.05162, program 4 without its activation:

    min sum |w'|   subject to   ||(W' - W) X||_F <= eps ||W X||_F

    W, W' (rows, n)  weights; A (n, n) second moments of the inputs X

It is solved in the form with a multiplier, min 1/2 tr(D A D^T) + l sum |w'| with D = W' - W,
by accelerated proximal steps (Beck and Teboulle, "A Fast Iterative Shrinkage-Thresholding
Algorithm", SIAM J. Imaging Sciences 2 (2009), equations 4.1 to 4.3; restarted as in
O'Donoghue and Candes, arXiv:1204.3982, section 3.2, gradient scheme), on columns scaled to a
unit diagonal of A: v_j = w_j sqrt(A_jj), so a column's threshold is l / sqrt(A_jj). l is
bisected. What the l1 norm shrinks is made good by least squares on the weights left, and it
is the error after that which eps bounds: the support of the largest l that allows it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats

Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]

HALVINGS = 14  # of the multiplier's interval, on a logarithmic scale
LEAST = 1e-6  # the smallest multiplier tried, of the one at which all weights are zero
STEPS = 60  # proximal steps for each, from the last one's weights
SOLVED = 1e-5  # relative change of a step, or residual, at which it ends
REFIT_STEPS = 100


def within_error(weight: Floats, own: Doubles, error: float, free: Mask) -> Floats:
    """The sparsest (rows, n) found whose responses are within `error`, relative, as a norm;
    weights that are not `free` are zero. Zeros for a layer that answers nothing."""
    problem = Problem(weight, own, free)
    dense = problem.refit(free, problem.target)

    def good(v: Doubles) -> Doubles | None:
        fitted = problem.refit(v != 0, v)
        return fitted if problem.error(fitted) <= error else None

    return problem.weights(problem.largest(good, dense))


def with_share(weight: Floats, own: Doubles, kept: int, free: Mask) -> Floats:
    """(rows, n) of which `kept` at most are not zero, none but `free` ones."""
    problem = Problem(weight, own, free)

    def good(v: Doubles) -> Doubles | None:
        return v if np.count_nonzero(v) >= kept else None

    v = problem.largest(good, np.where(free, problem.target, 0.0))
    order = np.argsort(-np.abs(v), axis=None, kind="stable")
    support = np.zeros(v.size, np.bool_)
    support[order[:kept]] = True
    support = support.reshape(v.shape) & (v != 0)
    return problem.weights(problem.refit(support, v))


@dataclass
class Problem:
    """One layer's, in scaled columns; a column whose input is always zero weighs nothing."""

    weight: Floats
    own: Doubles
    free: Mask
    scale: Doubles = field(init=False)
    metric: Doubles = field(init=False)
    target: Doubles = field(init=False)
    steepest: float = field(init=False)

    def __post_init__(self) -> None:
        diagonal = np.sqrt(np.diag(self.own))
        self.scale = np.where(diagonal > 0, diagonal, 1.0)
        self.metric = self.own / np.outer(self.scale, self.scale)
        self.target = self.weight.astype(np.float64) * np.where(diagonal > 0, diagonal, 0.0)
        self.steepest = max(float(np.linalg.eigvalsh(self.metric)[-1]), 1e-12)
        self.pull = self.target @ self.metric
        self.energy = float(np.vdot(self.pull, self.target))

    def weights(self, v: Doubles) -> Floats:
        """In the layer's own columns."""
        return (v / self.scale).astype(np.float32)

    def error(self, v: Doubles) -> float:
        """Relative, as a norm; 0 where nothing is answered."""
        apart = v - self.target
        squared = max(float(np.vdot(apart @ self.metric, apart)), 0.0)
        return float(np.sqrt(squared / self.energy)) if self.energy > 0 else 0.0

    def largest(self, good: Callable[[Doubles], Doubles | None], dense: Doubles) -> Doubles:
        """What `good` makes of the solution with the largest multiplier for which it makes
        anything, or `dense`."""
        top = float((np.abs(np.where(self.free, self.pull, 0)) * self.scale).max(initial=0))
        if top <= 0:
            return np.zeros_like(dense)
        low, high, best, v = np.log(LEAST), 0.0, dense, dense
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            v = self.shrunk(top * float(np.exp(middle)), v)
            found = good(v)
            if found is None:
                high = middle
            else:
                low, best = middle, found
        return best

    def shrunk(self, multiplier: float, start: Doubles) -> Doubles:
        """The solution for one multiplier, by proximal steps from `start`."""
        threshold = multiplier / (self.scale * self.steepest)
        v, ahead, momentum = start, start, 1.0
        for _ in range(STEPS):
            moved = ahead - (ahead @ self.metric - self.pull) / self.steepest
            new = np.sign(moved) * np.maximum(np.abs(moved) - threshold, 0) * self.free
            change = new - v
            if np.vdot(ahead - new, change) > 0:
                momentum = 1.0
            following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            ahead = new + (momentum - 1) / following * change
            v, momentum = new, following
            if np.abs(change).max() <= SOLVED * np.abs(v).max(initial=0):
                break
        return v

    def refit(self, support: Mask, start: Doubles) -> Doubles:
        """Least squares on `support`, by conjugate gradients of all rows at once."""
        v = np.where(support, start, 0.0)
        residual = np.where(support, self.pull - v @ self.metric, 0.0)
        ahead, squares = residual, np.square(residual).sum(axis=1)
        enough = SOLVED**2 * np.square(self.pull).sum(axis=1)
        for _ in range(min(REFIT_STEPS, v.shape[1])):
            open_rows = squares > enough
            if not open_rows.any():
                break
            pulled = np.where(support, ahead @ self.metric, 0.0)
            curved = (ahead * pulled).sum(axis=1)
            step = np.divide(squares, curved, out=np.zeros_like(squares), where=curved > 0)
            step *= open_rows
            v = v + step[:, None] * ahead
            residual = residual - step[:, None] * pulled
            now = np.square(residual).sum(axis=1)
            turn = np.divide(now, squares, out=np.zeros_like(now), where=squares > 0)
            ahead, squares = residual + turn[:, None] * ahead, now
        return v
