"""One layer's codes, from what is known of its inputs.

The coded layer reads inputs x' of a net whose earlier layers are coded, the original one x.
What it should approximate is therefore W*, the weights that do best on x' (see
layerwise/aim.py). W* is then rounded with error feedback under
H = E[x' x'^T], and the bias takes up the difference of the means:

    b' = b + W E[x] - Q E[x']
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.aim import aim
from worker.engine.layerwise.feedback import factor, fed_back
from worker.engine.layerwise.moments import Doubles, Moments
from worker.engine.layerwise.site import Floats
from worker.engine.rate.post.steps import filled_step

DAMPING = 0.01  # of H, the same; more where there are few rows for the columns
ROWS_TO_COLUMNS = 4

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class CodedLayer:
    """`codes` (groups, rows, columns) times `step`, and what to add to the bias, (groups *
    rows,); None where the layer has none."""

    codes: Codes
    step: float
    shift: Doubles | None


def code_layer(
    matrices: Floats,
    moments: Moments,
    level: float,
    sensitivity: float,
    *,
    has_bias: bool,
    kept: NDArray[np.bool_] | None = None,
) -> CodedLayer:
    """Codes of (groups, rows, columns) weights; where `kept` is False they are zero."""
    damping = DAMPING * max(1.0, ROWS_TO_COLUMNS * moments.columns / max(moments.count, 1))
    aims, factors, gains = [], [], []
    for group, weight in enumerate(matrices):
        own, cross = moments.centred(group) if has_bias else moments.raw(group)
        aims.append(aim(weight, own, cross))
        factors.append(factor(own, damping))
        gains.append(_gain(own, damping, factors[-1]))
    step = filled_step(level, sensitivity, matrices, float(np.mean(gains)))
    codes = np.stack(
        [
            fed_back(aim, upper, step, None if kept is None else kept[group])
            for group, (aim, upper) in enumerate(zip(aims, factors, strict=True))
        ]
    )
    shift = _shift(matrices, codes, step, moments) if has_bias else None
    return CodedLayer(codes, step, shift)


def _gain(own: Doubles, damping: float, upper: Doubles) -> float:
    """Mean diagonal of the damped H over the geometric mean of 1 / U_jj^2."""
    mean = float(np.trace(own)) / len(own) * (1 + damping)
    if mean <= 0:
        return 1.0
    return max(mean * float(np.exp(2 * np.log(np.diag(upper)).mean())), 1.0)


def _shift(matrices: Floats, codes: Codes, step: float, moments: Moments) -> Doubles:
    mean, coded = moments.mean / moments.count, moments.coded_mean / moments.count
    wanted: Doubles = np.einsum("grc,gc->gr", matrices.astype(np.float64), mean)
    found: Doubles = np.einsum("grc,gc->gr", codes * np.float64(step), coded)
    return np.ravel(wanted - found)
