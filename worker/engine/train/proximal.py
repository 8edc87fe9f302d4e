"""What a penalty makes of a matrix of weights at once, beside the step down the loss.

    prox_t(W) = argmin over V of  1/2 ||V - W||_F^2 + t penalty(V)

    penalty         prox_t(W)
    sum |w|         sign(w) max(|w| - t, 0)                          l1
    sum_r sqrt(n) ||w_r||_2     w_r max(1 - t sqrt(n) / ||w_r||_2, 0)      group lasso
    sum of singular values      U max(S - t, 0) V^T,  W = U S V^T          nuclear norm

    W (rows, n)   a row is what one output adds up

l1: Tibshirani 1996; group lasso: Yuan and Lin 2006, equation 2.2 with the square root of a
group's size; nuclear norm: Cai, Candes and Shen, "A Singular Value Thresholding Algorithm",
arXiv:0810.3286, theorem 2.1. The operators: Parikh and Boyd, "Proximal Algorithms", 2014,
sections 6.5.2, 6.5.4 and 6.7.3.
"""

import math

import torch
from torch import Tensor


def soft(weight: Tensor, threshold: float) -> Tensor:
    """l1 of a tensor of any shape: what is below `threshold` becomes exactly zero."""
    return weight.sign() * (weight.abs() - threshold).clamp_(min=0)


def shrunken_rows(matrix: Tensor, threshold: float) -> Tensor:
    """Group lasso of (rows, n): rows shorter than threshold sqrt(n) become zero."""
    norms: Tensor = torch.linalg.vector_norm(matrix, dim=1, keepdim=True)
    bar = threshold * math.sqrt(matrix.shape[1])
    share = 1 - bar / norms.clamp(min=torch.finfo(norms.dtype).tiny)
    return matrix * share.clamp_(min=0)


def shrunken_spectrum(matrix: Tensor, threshold: float) -> Tensor:
    """Nuclear norm of (rows, n): singular values below `threshold` become zero."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    drawn: Tensor = (left * (values - threshold).clamp_(min=0)) @ right
    return drawn
