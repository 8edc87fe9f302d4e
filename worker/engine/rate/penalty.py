"""The gradient of the rate.

The bits of a code jump where it changes, so their gradient is zero or infinite. Descended
instead is a smooth stand-in of u = |w| / D that is steep in the dead zone around zero and
fades for large weights:

    dR/dw = sign(w) / D * (0.75 c_ij / (u + 0.5)^2 + 0.5 / (1 + u))

The first term adds up to 0.75 c_ij (2 - 1 / (u + 0.5)) bits on the way from 0 to u, the
second to 0.5 ln(1 + u) for the magnitude. The step has no part in it: a rate gradient
into log D shrinks every weight until the whole network is zero.
"""

import torch
from torch import Tensor

SWITCH, DEAD_ZONE, MAGNITUDE = 0.75, 0.5, 0.5


@torch.no_grad()
def add_rate_gradient(
    gradient: Tensor, weight: Tensor, step: float, bits: Tensor, price: float
) -> None:
    """Add `price` dR/dw to `gradient` in place; all tensors of one shape, `bits` is c_ij."""
    u = weight.abs().div_(step)
    slope = (u + DEAD_ZONE).pow_(-2).mul_(bits).mul_(SWITCH)
    slope.add_(u.add_(1).reciprocal_(), alpha=MAGNITUDE)
    gradient.add_(slope.mul_(weight.sign()), alpha=price / step)
