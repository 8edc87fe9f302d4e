"""The codes of a whole network at one price of a bit."""

from collections.abc import Sequence

import numpy as np
import torch

from worker.engine.encode.cost import coded_bits
from worker.engine.rate.choice import cheaper_codes
from worker.engine.rate.grid import codes
from worker.engine.rate.result import Coded

Latent = list[list[torch.Tensor]]

LOWEST, HIGHEST = 1e-12, 1e3  # prices between which a size is searched
HALVINGS = 24


def priced(grids: Sequence[Coded], latent: Latent, curvature: Latent, price: float) -> Latent:
    """Values on the grid that are worth their bits, for `latent` ones; biases go to the
    nearest."""
    chosen: Latent = []
    for grid, values, bends in zip(grids, latent, curvature, strict=True):
        new = []
        for value, bend in zip(values, bends, strict=True):
            if grid.tensor.is_matrix:
                code = cheaper_codes(
                    value, grid.step, grid.most, bend, price, image=grid.tensor.image
                )
            else:
                code = codes(value, grid.step, grid.most)
            new.append(code.mul_(grid.step))
        chosen.append(new)
    return chosen


def price_for(
    grids: Sequence[Coded], latent: Latent, curvature: Latent, fraction: float
) -> float:
    """The lowest price at which the codes take at most `fraction` of the bits that they take
    now, to within a rounding; HIGHEST where none does."""
    wanted = fraction * coded_total(grids, latent)
    low, high = np.log(LOWEST), np.log(HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        tried = priced(grids, latent, curvature, float(np.exp(middle)))
        if coded_total(grids, tried) <= wanted:
            high = middle
        else:
            low = middle
    return float(np.exp(high))


def coded_total(grids: Sequence[Coded], latent: Latent) -> float:
    """About how many bits the codes of all tensors take."""
    total = 0.0
    for grid, values in zip(grids, latent, strict=True):
        for value in values:
            code = codes(value, grid.step, grid.most).reshape(len(value), -1)
            total += coded_bits(code.to(torch.int32).cpu().numpy())
    return total
