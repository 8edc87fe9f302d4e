"""The learning rate over a run.

Cosine annealing without restarts, Loshchilov and Hutter, "SGDR", arXiv:1608.03983,
equation 5 with eta_min = 0:   lr(t) = lr_0 (1 + cos(pi t / steps)) / 2
"""

import math
from typing import Literal


def rate_factor(schedule: Literal["constant", "cosine"], step: int, steps: int) -> float:
    """What to multiply the first learning rate with at `step`, counted from 0, of `steps`."""
    if schedule == "constant":
        return 1.0
    return (1 + math.cos(math.pi * step / steps)) / 2
