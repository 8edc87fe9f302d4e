"""Modules of a view that torch does not have."""

import torch
from torch import Tensor, nn


class Free(nn.Module):
    """A trained tensor that belongs to no layer: a position table, a scale, a tied weight."""

    def __init__(self, value: nn.Parameter) -> None:
        super().__init__()
        self.value = value

    def forward(self) -> Tensor:
        """The tensor itself."""
        return self.value


class SplitLast(nn.Module):
    """(..., D) -> (..., h, D / h). `h` is the number of heads; pruning heads rewrites it."""

    def __init__(self, h: int) -> None:
        super().__init__()
        self.h = h

    def forward(self, x: Tensor) -> Tensor:
        """D follows the tensor, so narrower layers before it need no change here."""
        return torch.unflatten(x, -1, (self.h, -1))


class SplitSizes(nn.Module):
    """Pieces of unequal `sizes` along `axis`; pruning that narrows a piece rewrites `sizes`."""

    def __init__(self, sizes: list[int], axis: int) -> None:
        super().__init__()
        self.sizes = sizes
        self.axis = axis

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Views of x."""
        return torch.split_with_sizes(x, self.sizes, self.axis)
