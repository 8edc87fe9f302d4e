"""The grid of one tensor: multiples q D of a step D, with |q| <= most.

A step is a bfloat16 number, so that it takes two bytes in a packed file; every value is
float32(q) * float32(D) in one rounding, which any machine repeats exactly.
"""

import torch
from torch import Tensor

SMALLEST_STEP = 2.0**-126  # of normal bfloat16 and float32 numbers


def coarse(step: float) -> float:
    """The bfloat16 number next to `step` > 0, ties to even; SMALLEST_STEP at least."""
    rounded = torch.tensor(step, dtype=torch.float64).to(torch.bfloat16).item()
    return max(float(rounded), SMALLEST_STEP)


def codes(weight: Tensor, step: float, most: int) -> Tensor:
    """round(w / D) clamped to [-most, most], ties to even; float32 in the weight's shape.

    A zero is never minus zero, whose sign bit no coder of integers would give back.
    """
    return (weight / step).round_().clamp_(-most, most).add_(0.0)


def values(code: Tensor, step: float) -> Tensor:
    """The products q D in float32."""
    return code.float() * torch.tensor(step, dtype=torch.float32, device=code.device)
