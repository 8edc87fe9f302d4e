"""How many bits it costs that a weight is not zero.

A coder that knows how many codes of each row and each column are not zero expects one at
(i, j) with the probability

    p_ij = rows_i cols_j / total,   clamped to [LEAST, MOST]

so switching it on costs, beside one bit of sign,

    c_ij = 1 + log2((1 - p_ij) / p_ij)   bits,   clamped to [1, DEAREST]

Row and column counts as side information: measured to be worth most of what an adaptive
context coder gains over a static one. Counts of an image's pixels are blurred 3x3, because
neighbours live and die together.
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

LEAST, MOST = 5e-4, 0.9
DEAREST_BITS = 11.0
UNSEEN = 0.3  # added to every count: an empty row may come back
BLUR = 0.5  # weight of the neighbourhood's mean beside a column's own count

Image = tuple[int, int]


def densities(code: Tensor, image: Image | None = None) -> Tensor:
    """p_ij of a (R, ...) tensor of codes, flattened to (R, C); a vector (R,) is (R, 1).

    `image` is (height, width) where the columns are the pixels of one or more planes.
    """
    on = (code != 0).float().reshape(len(code), -1)
    total = on.sum() + 1
    rows = on.sum(dim=1, keepdim=True) + UNSEEN
    columns = on.sum(dim=0, keepdim=True)
    if image is not None:
        columns = (columns + BLUR * _neighbourhood(columns, image)) / (1 + BLUR)
    return (rows * (columns + UNSEEN) / total).clamp_(LEAST, MOST)


def switch_bits(code: Tensor, image: Image | None = None) -> Tensor:
    """c_ij in the shape of `code`."""
    p = densities(code, image)
    return (torch.log2((1 - p) / p) + 1).clamp_(1.0, DEAREST_BITS).reshape(code.shape)


def _neighbourhood(columns: Tensor, image: Image) -> Tensor:
    """Means over the 3x3 pixels around each, fewer at the border."""
    planes = columns.reshape(1, -1, *image)
    mean = F.avg_pool2d(planes, 3, stride=1, padding=1, count_include_pad=False)
    return mean.reshape(columns.shape)
