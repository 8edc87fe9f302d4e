"""How far a layer's responses are from what they were.

error = ||(W' - W) X||_F / ||W X||_F = sqrt(tr(D A D^T) / tr(W A W^T)),    D = W' - W

W, W'  (groups, rows, n)  weights before and after
A      (groups, n, n)     second moments of the inputs X
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Weights = NDArray[np.floating[Any]]


def energy(weight: Weights, own: Doubles) -> float:
    """Squared norm of the responses, tr(W A W^T), of all groups."""
    wide = weight.astype(np.float64)
    return max(float(np.vdot(wide @ own, wide)), 0.0)


def response_error(weight: Weights, new: Weights, own: Doubles) -> float:
    """Relative error as a norm; 0 for a layer that answers nothing."""
    before = energy(weight, own)
    return float(np.sqrt(energy(new - weight, own) / before)) if before > 0 else 0.0
