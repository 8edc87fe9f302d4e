"""A mask that grows while its weights are trained, and lets them come back.

Zhu and Gupta, "To prune, or not to prune", arXiv:1710.01878, equation 1:

    s(t) = s_f + (s_i - s_f) (1 - t / n)^3          t = 0 .. n

Guo, Yao and Chen, "Dynamic Network Surgery for Efficient DNNs", arXiv:1608.04493, equation 3:
the model computes with the masked weights, and the gradient it gives goes to every latent
weight, pruned ones too. The mask is chosen anew from the latent weights, so one whose latent
weight has grown returns. A threshold, of which the papers do not speak, rises like s from 0.
After n steps the mask stays, and pruned weights are forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held


@dataclass(frozen=True, slots=True)
class Masked:
    """One tensor of the file and the parameters that hold it. `threshold` is in the unit of
    the weights; without one its share of zeros is chosen."""

    parameters: tuple[nn.Parameter, ...]
    threshold: float | None = None

    def scores(self) -> Tensor:
        """|w| of all, flat."""
        return torch.cat([p.detach().abs().reshape(-1) for p in self.parameters])


class RisingMask(Held):
    """Held until `ramp_steps` training steps are done; then fixed.

    `together` compares the weights of all tensors, by their LAMP scores (see lamp.py).
    """

    def __init__(
        self,
        tensors: Sequence[Masked],
        sparsity: float | None,
        *,
        together: bool,
        ramp: float,
        update_every: int,
    ) -> None:
        self.tensors, self.sparsity = tuple(tensors), sparsity
        self.together, self.ramp, self.update_every = together, ramp, update_every
        self.groups = [self.tensors] if together else [(tensor,) for tensor in self.tensors]
        self.first = [_share_of_zeros(group) for group in self.groups]
        self.parameters = [p for tensor in self.tensors for p in tensor.parameters]
        self.zeros = [p.detach() == 0 for p in self.parameters]
        self.latent: list[Tensor] = []
        self.fixed = False

    @property
    def ready(self) -> bool:
        """Only a mask that stays may be chosen."""
        return self.fixed

    def hear(self, step: int, steps: int) -> None:
        """Choose the mask anew where it is time."""
        last = min(max(round(self.ramp * steps), 1), steps - 1)
        if self.fixed or (step < last and step % self.update_every):
            return
        walked = min(step / last, 1.0) if last else 1.0
        self.choose(1 - (1 - walked) ** 3)
        if step >= last:
            self.fixed = True
            self.settle()

    @torch.no_grad()
    def choose(self, risen: float) -> None:
        """The mask at `risen`, from 0 to 1, of the way from the first share of zeros."""
        fallen: list[Tensor] = []
        for group, first in zip(self.groups, self.first, strict=True):
            fallen += self._fallen(group, first, risen)
        pieces = []
        for tensor, falls in zip(self.tensors, fallen, strict=True):
            sizes = [p.numel() for p in tensor.parameters]
            pieces += [
                part.reshape(p.shape)
                for part, p in zip(
                    torch.split_with_sizes(falls, sizes), tensor.parameters, strict=True
                )
            ]
        self.zeros = pieces

    def _fallen(self, group: Sequence[Masked], first: float, risen: float) -> list[Tensor]:
        """For each tensor of the group, which of its numbers fall."""
        scores = [tensor.scores() for tensor in group]
        if self.sparsity is None:
            bars = [(tensor.threshold or 0.0) * risen for tensor in group]
            found = [score < bar for score, bar in zip(scores, bars, strict=True)]
        else:
            share = first + (max(self.sparsity, first) - first) * risen
            if self.together:
                scores = [comparable(score) for score in scores]
            whole = torch.cat(scores)
            count = int(share * len(whole) + 0.5)
            sizes = [len(score) for score in scores]
            found = list(torch.split_with_sizes(lowest(whole, count), sizes))
        for falls, score in zip(found, scores, strict=True):
            if bool(falls.all()) and bool(score.any()):
                falls[score.argmax()] = False
        return found

    def before(self) -> None:
        """Pruned weights are zero in the model, and latent."""
        if self.fixed:
            return
        self.latent = [parameter.data for parameter in self.parameters]
        for parameter, zero in zip(self.parameters, self.zeros, strict=True):
            parameter.data = parameter.data.masked_fill(zero, 0)

    def after(self) -> None:
        """Pruned weights learn as long as they may come back."""
        if self.latent:
            for parameter, latent in zip(self.parameters, self.latent, strict=True):
                parameter.data = latent
            self.latent = []
        if self.fixed:
            for parameter, zero in zip(self.parameters, self.zeros, strict=True):
                if parameter.grad is not None:
                    parameter.grad.masked_fill_(zero, 0)

    @torch.no_grad()
    def settle(self) -> None:
        """Once the mask is fixed, zero is zero."""
        if self.fixed:
            for parameter, zero in zip(self.parameters, self.zeros, strict=True):
                parameter.masked_fill_(zero, 0)


def lowest(scores: Tensor, count: int) -> Tensor:
    """Which `count` of the flat `scores` are the smallest; of equal ones the first."""
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    bar = scores.kthvalue(count).values
    falls = scores < bar
    ties = (scores == bar).nonzero()[: count - int(falls.sum()), 0]
    falls[ties] = True
    return falls


def comparable(sizes: Tensor) -> Tensor:
    """The LAMP score of each weight among those of its tensor, from their magnitudes."""
    order = sizes.argsort(stable=True)
    squares = sizes[order].double().square()
    left = squares.flip(0).cumsum(0).flip(0)  # of this weight and all that are larger
    scores = torch.empty_like(squares)
    scores[order] = squares / left.clamp(min=torch.finfo(left.dtype).tiny)
    return scores


def _share_of_zeros(group: Sequence[Masked]) -> float:
    scores = torch.cat([tensor.scores() for tensor in group])
    return float((scores == 0).sum()) / max(len(scores), 1)
