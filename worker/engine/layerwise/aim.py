"""The weights that do best on the inputs of a changed net.

    W* = W (E[x x'^T] + r I) (E[x' x'^T] + r I)^-1

    W   (rows, n)  weights of the original net; x its inputs
    x'  the inputs of the net whose earlier layers have changed

W* x' is nearest to W x, so it also makes good what the layers before it lost (Li et al.,
"GPTAQ", arXiv:2504.02692, puts the same aim into its column updates). The ridge r keeps W*
near W where the samples say little.
"""

import numpy as np
from numpy.typing import NDArray

from worker.engine.layerwise.site import Floats

RIDGE = 0.1  # r as a fraction of the mean diagonal of E[x' x'^T]
Doubles = NDArray[np.float64]


def aim(weight: Floats, own: Doubles, cross: Doubles) -> Floats:
    """W*, (rows, n), from E[x' x'^T] and E[x x'^T], (n, n); W where no input is ever used."""
    n = len(own)
    ridge = RIDGE * float(np.trace(own)) / n
    if ridge <= 0:
        return weight
    eye = ridge * np.eye(n)
    target = weight.astype(np.float64) @ (cross + eye)
    return np.linalg.solve(own + eye, target.T).T.astype(np.float32)
