"""The learning rate over a run.

A fraction `warmup` of the steps first, in which it rises in equal steps to lr_0: Goyal et al.,
"Accurate, Large Minibatch SGD", arXiv:1706.02677, section 2.2. In the rest, counted from 0,

    constant   lr_0
    linear     lr_0 (1 - t / steps)
    cosine     lr_0 (1 + cos(pi t / steps)) / 2

Cosine annealing without restarts, Loshchilov and Hutter, "SGDR", arXiv:1608.03983,
equation 5 with eta_min = 0.
"""

import math
from typing import assert_never

from lathe.techniques.train import Schedule


def rate_factor(schedule: Schedule, step: int, steps: int, warmup: float = 0.0) -> float:
    """What to multiply the first learning rate with at `step`, counted from 0, of `steps`."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    walked = (step - rising) / (steps - rising)
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return 1 - walked
        case "cosine":
            return (1 + math.cos(math.pi * walked)) / 2
        case _:
            assert_never(schedule)
