"""The weights that do best on the inputs of a changed net.

    W* = W (E[x x'^T] + r I) (E[x' x'^T] + r I)^-1

    W   (rows, n)  weights of the original net; x its inputs
    x'  the inputs of the net whose earlier layers have changed

W* x' is nearest to W x, so it also makes good what the layers before it lost (Li et al.,
"GPTAQ", arXiv:2504.02692, puts the same aim into its column updates). The ridge r keeps W*
near W where the samples say little. Where only some columns are kept, x' and the columns of
W* are these alone, and of I, the columns.
"""

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats

RIDGE = 0.1  # r as a fraction of the mean diagonal of E[x' x'^T]
Doubles = NDArray[np.float64]


def aim(
    weight: Floats, own: Doubles, cross: Doubles, kept: NDArray[np.bool_] | None = None
) -> Floats:
    """W*, (rows, n), from E[x' x'^T] and E[x x'^T], (n, n); W where no input is ever used.
    With `kept` (n,) the other columns are zero."""
    stay = np.ones(len(own), np.bool_) if kept is None else kept
    here = own[np.ix_(stay, stay)]
    ridge = RIDGE * float(np.trace(here)) / max(len(here), 1)
    if ridge <= 0:
        return np.where(stay, weight, np.float32(0))
    eye = ridge * np.eye(len(own))[:, stay]
    target = weight.astype(np.float64) @ (cross[:, stay] + eye)
    best = np.zeros_like(weight)
    best[:, stay] = np.linalg.solve(here + eye[stay], target.T).T
    return best
