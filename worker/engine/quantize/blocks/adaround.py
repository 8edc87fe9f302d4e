"""AdaRound: whether a weight is rounded up or down is learned from its layer's inputs.

Nagel, Amjad, van Baalen, Louizos and Blankevoort, "Up or Down? Adaptive Rounding for
Post-Training Quantization", arXiv:2004.10568, equations 21 to 25:

    q = clamp(floor(w / s) + h(V) + z, 0, 2^b - 1),   h(V) = clip(1.2 sigmoid(V) - 0.1, 0, 1)
    loss = |W X - Q X'|^2 + lambda sum(1 - |2 h(V) - 1|^beta)

    W, V, Q (rows, n)   weights of one group, what is learned, levels of the grid
    X, X'               inputs in the original net, and in the one whose earlier layers are
                        quantized already

beta falls from 20 to 2 by a cosine after a first fifth of the steps without the second term,
so that h ends at 0 or 1. V begins where h is the fraction of w / s: Q begins as W. Adam
(Kingma and Ba, arXiv:1412.6980) takes the steps.

The output of a layer is linear in Q here, no activation is looked through, so the first term
needs no inputs but their second moments, and every step sees all examples:

    |W X - Q X'|^2 / n = Q O Q^T - 2 W C Q^T + const,   O = E[x' x'^T],  C = E[x x'^T]

Deviations: it is divided by what rounding to nearest loses, and the sum is a mean, so that
lambda means the same for every layer. Rows are independent, and one that learned nothing
better than rounding to nearest is rounded to nearest.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.moments import Doubles
from worker.engine.quantize.blocks.grid import Floats, Quantized, Scales, rounded

UP = 0.5  # from here on h rounds up
STRETCH, SHIFT = 1.2, -0.1  # zeta - gamma and gamma of the rectified sigmoid
FIRST_BETA, LAST_BETA = 20.0, 2.0
WARM = 0.2  # of the steps without the second term
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.999, 1e-8  # of Adam


@dataclass(frozen=True, slots=True)
class Course:
    """How the rounding is learned."""

    iterations: int
    lr: float
    regularization: float


def adaround(
    weight: Floats,
    own: Doubles,
    cross: Doubles,
    scales: Scales,
    course: Course,
    kept: NDArray[np.bool_] | None = None,
) -> Quantized:
    """(rows, n) weights at levels of `scales`; `own` is O and `cross` C, both (n, n). Zeros
    stay where `kept` is False."""
    masked = weight if kept is None else weight * kept
    nearest = rounded(masked, scales)
    layer = _Layer(weight, masked, own.astype(np.float32), cross.astype(np.float32), scales)
    learned = Quantized(layer.learned(course, nearest.values - weight), scales)
    better = layer.loss(learned.values) < layer.loss(nearest.values)
    return Quantized(np.where(better[:, None], learned.codes, nearest.codes), scales)


class _Layer:
    """One group's weights; all arrays (rows, n) but `own`. A weight that is exactly a level,
    as a pruned one is, stays there: neither of its neighbours is nearer."""

    def __init__(
        self, weight: Floats, masked: Floats, own: Floats, cross: Floats, scales: Scales
    ) -> None:
        self.scale, self.zero = scales.along(slice(0, weight.shape[1]))
        self.last = scales.levels.last
        steps = masked / self.scale
        self.floor = np.floor(steps)
        self.fraction = steps - self.floor
        self.own, self.goal = own, weight @ cross

    def learned(self, course: Course, lost: Floats) -> NDArray[np.uint8]:
        """The codes at the end of the course; `lost` is what rounding to nearest loses."""
        unit = float(np.vdot(lost @ self.own, lost)) or 1.0
        inner = (self.fraction - SHIFT) / STRETCH
        v = np.log(inner / (1 - inner))
        first, second = np.zeros_like(v), np.zeros_like(v)
        for step in range(1, course.iterations + 1):
            slope = self._slope(v, unit, course, (step - 1) / course.iterations)
            first += (1 - FIRST_DECAY) * (slope - first)
            second += (1 - SECOND_DECAY) * (slope * slope - second)
            size = np.sqrt(second / (1 - SECOND_DECAY**step)) + TINY
            v -= course.lr / (1 - FIRST_DECAY**step) * first / size
        up = (_rectified(_sigmoid(v)) >= UP) & (self.fraction > 0)
        return self._codes(up.astype(np.float32)).astype(np.uint8)

    def loss(self, values: Floats) -> Floats:
        """What each row loses, up to a constant, (rows,)."""
        lost: Floats = ((values @ self.own - 2 * self.goal) * values).sum(axis=1)
        return lost

    def _slope(self, v: Floats, unit: float, course: Course, done: float) -> Floats:
        """The loss's gradient by V when this part of the steps is done."""
        s = _sigmoid(v)
        h = _rectified(s)
        codes = self._codes(h)
        values = (codes - self.zero) * self.scale
        inside = (codes > 0) & (codes < self.last)
        by_h = 2 / unit * (values @ self.own - self.goal) * self.scale * inside
        if done >= WARM:
            beta, apart = _beta(done), 2 * h - 1
            open_ = np.sign(apart) * np.abs(apart) ** np.float32(beta - 1)
            by_h -= course.regularization / h.size * 2 * beta * open_
        moves = (h > 0) & (h < 1)
        slope: Floats = by_h * (STRETCH * s * (1 - s)) * moves
        return slope

    def _codes(self, up: Floats) -> Floats:
        codes: Floats = np.clip(self.floor + up + self.zero, 0, self.last)
        return codes


def _sigmoid(v: Floats) -> Floats:
    one = np.float32(1)
    s: Floats = one / (one + np.exp(-v))
    return s


def _rectified(s: Floats) -> Floats:
    h: Floats = np.clip(np.float32(STRETCH) * s + np.float32(SHIFT), 0, 1)
    return h


def _beta(done: float) -> float:
    """The exponent after this part of the steps."""
    fallen = (done - WARM) / (1 - WARM)
    return LAST_BETA + (FIRST_BETA - LAST_BETA) * 0.5 * (1 + math.cos(math.pi * fallen))
