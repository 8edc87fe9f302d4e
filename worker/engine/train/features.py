"""How far a student's inner values are from its teacher's.

Hint, Romero et al., "FitNets: Hints for Thin Deep Nets", arXiv:1412.6550, equation 3, as a mean
over elements instead of half a sum, so that its size does not depend on the layer's:

    mean (t - r(s))^2           r: a 1x1 convolution where s and t differ in channels, else none

Attention, Zagoruyko and Komodakis, "Paying More Attention to Attention", arXiv:1612.03928,
equation 2, squared, because the norm itself has no gradient where both agree:

    mean over examples of || q(s) / ||q(s)||_2 - q(t) / ||q(t)||_2 ||_2^2,   q = mean_c |a_c|^2

    s, t  (n, channels, positions...), student's and teacher's values of one layer
"""

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor

from worker.engine.losses import squared_error


def hint(student: Tensor, teacher: Tensor, regressor: Tensor | None) -> Tensor:
    """`regressor` is (teacher's channels, student's channels); None where they are as many."""
    if regressor is not None:
        student = torch.einsum("tc,nc...->nt...", regressor, student)
    return squared_error(student, teacher)


def attention(student: Tensor, teacher: Tensor) -> Tensor:
    """The maps' distance; channels may differ, positions may not."""
    return (_map(student) - _map(teacher)).square().sum(dim=1).mean()


def _map(values: Tensor) -> Tensor:
    """(n, positions) of length 1."""
    return F.normalize(values.square().mean(dim=1).flatten(1), dim=1)
