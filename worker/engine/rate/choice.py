"""Rate-distortion optimised quantization: the code of every weight that is worth its bits.

Among the code as it is, the next one toward zero, and zero, each weight takes the one with
the least

    J(q) = F / 2 (w - q D)^2 + price (on_ij + m_q)   for q != 0,      F / 2 w^2   for q = 0

F    diagonal Fisher information, the curvature of the loss (see fisher.py)
on   bits to switch a weight on, from the densities of its row and column (see density.py)
m_q  bits of the magnitude |q|, from how often each occurs in this tensor

The idea is DeepCABAC's, Wiedemann et al., arXiv:1907.11900, section III, which weighs the
squared error with a diagonal curvature and takes the bits from the state of its coder; here
they are static. Ties go to the code as it is, then to the larger one.
"""

import torch
from torch import Tensor

from worker.engine.rate.density import Image, switch_bits
from worker.engine.rate.grid import codes

UNSEEN = 0.3  # added to the count of every magnitude


@torch.no_grad()
def cheaper_codes(
    weight: Tensor,
    step: float,
    most: int,
    curvature: Tensor,
    price: float,
    *,
    image: Image | None = None,
) -> Tensor:
    """New codes, float32 in the shape of `weight`; `curvature` is F in that shape."""
    now = codes(weight, step, most)
    on = switch_bits(now, image)
    sizes = magnitude_bits(now, most)
    best, least = now, _cost(now, weight, step, curvature, price, on, sizes)
    for other in (now - now.sign(), torch.zeros_like(now)):
        cost = _cost(other, weight, step, curvature, price, on, sizes)
        better = cost < least
        best, least = torch.where(better, other, best), torch.where(better, cost, least)
    return best


def magnitude_bits(code: Tensor, most: int) -> Tensor:
    """Bits of |q| = 0, 1, ..., most given that q is not zero; the first is 0."""
    counts = torch.bincount(code.abs().long().flatten(), minlength=most + 1).float() + UNSEEN
    bits = -(counts / counts[1:].sum()).log2()
    bits[0] = 0.0
    return bits


def _cost(
    code: Tensor,
    weight: Tensor,
    step: float,
    curvature: Tensor,
    price: float,
    on: Tensor,
    sizes: Tensor,
) -> Tensor:
    bits = torch.where(code != 0, on + sizes[code.abs().long()], torch.zeros_like(on))
    return curvature / 2 * (weight - code * step) ** 2 + price * bits
