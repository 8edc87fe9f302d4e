"""How many bytes a packed file will spend on the codes of a tensor: a quick estimate.

Positions cost the entropy of their densities (see density.py), signs a bit each, magnitudes
their own entropy; each row's and column's density is side information.
"""

import torch
from torch import Tensor

from worker.engine.rate.density import Image, densities


@torch.no_grad()
def estimated_bits(code: Tensor, image: Image | None = None) -> float:
    """Bits of an integer-valued tensor of codes, (R, ...)."""
    on = (code != 0).reshape(len(code), -1)
    magnitudes = code.abs().reshape(len(code), -1)[on]
    if not magnitudes.numel():
        return 8.0
    p = densities(code, image)
    positions = -torch.where(on, p, 1 - p).log2().sum().item()
    counts = torch.bincount(magnitudes.long()).float()
    counts = counts[counts > 0]
    sizes = -(counts * (counts / counts.sum()).log2()).sum().item()
    return positions + float(magnitudes.numel()) + sizes
