"""A mask that grows while its weights are trained, and lets some of them come back.

Zhu and Gupta, "To prune, or not to prune", arXiv:1710.01878, equation 1:

    s(t) = s_f + (s_i - s_f) (1 - t / n)^3          t = 0 .. n

Every so many steps the smallest weights fall until the share s(t) is zero. Then, before the
end, a share g(t) of each tensor's weights, the smallest again, gives its places to as many
zeros on which the loss leans most, |dL/dw| of the last batch; those begin at 0. Liu et al.,
"Sparse Training via Boosting Pruning Plasticity with Neuroregeneration", arXiv:2106.10404,
section 4 (GraNet); Evci et al., "Rigging the Lottery", arXiv:1911.11134, equation 1:

    g(t) = 0.3 (1 + cos(pi t / n)) / 2

A threshold, of which the papers do not speak, rises as s does from 0, and in a pattern the
number of a block's weights that fall, from 0 too; there none come back. After n steps the
mask stays.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held
from worker.engine.prune.lamp import comparable

REGROWN = 0.3  # of a tensor's weights at the first choice; alpha in Evci et al.


@dataclass(frozen=True, slots=True)
class Blocks:
    """Of each row of `places` (blocks, of) `keep` stay; places in the tensor's flat numbers."""

    places: Tensor
    keep: int


@dataclass(frozen=True, slots=True)
class Masked:
    """One tensor of the file and the parameters that hold it. `threshold` is in the unit of
    the weights; without one its share of zeros is chosen, or of each of its `blocks`. With
    `sparse` the zeros that it has now stay whatever the loss says."""

    parameters: tuple[nn.Parameter, ...]
    threshold: float | None = None
    sparse: bool = False
    blocks: Blocks | None = None

    def sizes(self) -> Tensor:
        """|w| of all, flat."""
        return flat([parameter.detach().abs() for parameter in self.parameters])


class RisingMask(Held):
    """Held until the part `ramp` of all training steps is done; then the mask is fixed.

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
        self.zeros = [tensor.sizes() == 0 for tensor in self.tensors]  # flat
        self.stuck = [z & t.sparse for z, t in zip(self.zeros, self.tensors, strict=True)]
        self.slopes: list[Tensor] = []  # |dL/dw| of the last batch, where the next choice asks
        self.asked = self.fixed = False

    @property
    def ready(self) -> bool:
        """Only a mask that stays may be chosen."""
        return self.fixed

    def hear(self, step: int, steps: int) -> None:
        """Choose the mask anew where it is time."""
        last = min(max(round(self.ramp * steps), 1), steps - 1)
        if self.fixed:
            return
        if step >= last or (step and step % self.update_every == 0):
            self.choose(min(step / last, 1.0) if last else 1.0)
        self.fixed = step >= last
        self.slopes = []
        self.asked = step + 1 < last and (step + 1) % self.update_every == 0

    @torch.no_grad()
    def choose(self, walked: float) -> None:
        """The mask at `walked` = t / n."""
        risen = 1 - (1 - walked) ** 3
        chosen: list[Tensor] = []
        for group, first in zip(self.groups, self.first, strict=True):
            chosen += self._fallen(group, first, risen)
        self.zeros = chosen
        self.settle()
        if walked < 1 and self.slopes:
            share = REGROWN * (1 + math.cos(math.pi * walked)) / 2
            self.zeros = [
                zero
                if tensor.blocks
                else regrown(tensor.sizes(), zero, slope.masked_fill(stuck, -1), share)
                for tensor, zero, slope, stuck in zip(
                    self.tensors, self.zeros, self.slopes, self.stuck, strict=True
                )
            ]
            self.settle()

    def _fallen(self, group: Sequence[Masked], first: float, risen: float) -> list[Tensor]:
        """For each tensor of the group, which of its numbers fall."""
        sizes = [tensor.sizes() for tensor in group]
        in_blocks = [tensor.blocks for tensor in group if tensor.blocks is not None]
        if in_blocks:
            return [_of_blocks(*pair, risen) for pair in zip(sizes, in_blocks, strict=True)]
        if self.sparsity is None:
            bars = [(tensor.threshold or 0.0) * risen for tensor in group]
            found = [size < bar for size, bar in zip(sizes, bars, strict=True)]
        else:
            share = first + (max(self.sparsity, first) - first) * risen
            whole = torch.cat([comparable(s) for s in sizes] if self.together else sizes)
            fall = lowest(whole, int(share * len(whole) + 0.5))
            found = list(torch.split_with_sizes(fall, [len(size) for size in sizes]))
        for falls, size in zip(found, sizes, strict=True):
            if bool(falls.all()) and bool(size.any()):
                falls[size.argmax()] = False
        return found

    def after(self) -> None:
        """No gradient for a zero; what it would have been decides whether it comes back."""
        for tensor, zero in zip(self.tensors, self.zeros, strict=True):
            gradients = [p.grad for p in tensor.parameters if p.grad is not None]
            if self.asked and len(gradients) == len(tensor.parameters):
                self.slopes.append(flat([gradient.abs() for gradient in gradients]))
            for parameter, mask in self._apart(tensor, zero):
                if parameter.grad is not None:
                    parameter.grad.masked_fill_(mask, 0)
        if len(self.slopes) < len(self.tensors):
            self.slopes = []

    @torch.no_grad()
    def settle(self) -> None:
        """Zero is zero."""
        for tensor, zero in zip(self.tensors, self.zeros, strict=True):
            for parameter, mask in self._apart(tensor, zero):
                parameter.masked_fill_(mask, 0)

    def state(self) -> dict[str, Tensor]:
        """The mask, and what the next choice of it asks for."""
        return {
            **{f"zeros.{n}": zero for n, zero in enumerate(self.zeros)},
            **{f"slopes.{n}": slope for n, slope in enumerate(self.slopes)},
            "asked": torch.tensor(self.asked),
            "fixed": torch.tensor(self.fixed),
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """All of it."""
        device, tensors = self.zeros[0].device, range(len(self.tensors))
        self.zeros = [state[f"zeros.{n}"].to(device) for n in tensors]
        if "slopes.0" in state:
            self.slopes = [state[f"slopes.{n}"].to(device) for n in tensors]
        self.asked, self.fixed = bool(state["asked"]), bool(state["fixed"])

    def _apart(self, tensor: Masked, whole: Tensor) -> list[tuple[nn.Parameter, Tensor]]:
        """A flat mask as each parameter's own."""
        parts = torch.split_with_sizes(whole, [p.numel() for p in tensor.parameters])
        return [
            (parameter, part.reshape(parameter.shape))
            for parameter, part in zip(tensor.parameters, parts, strict=True)
        ]


def regrown(sizes: Tensor, zero: Tensor, slopes: Tensor, share: float) -> Tensor:
    """The mask `zero` after `share` of the other weights, the smallest, gave their places to
    as many zeros, those with the largest `slopes`, none of them negative; all flat."""
    count = min(int(share * int((~zero).sum())), int((zero & (slopes >= 0)).sum()))
    given_up = lowest(sizes.masked_fill(zero, math.inf), count)
    taken = torch.topk(slopes.masked_fill(~zero, -1), count).indices
    result = zero | given_up
    result[taken] = False
    return result


def lowest(scores: Tensor, count: int) -> Tensor:
    """Which `count` of the flat `scores` are the smallest; of equal ones the first."""
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    bar = scores.kthvalue(count).values
    falls = scores < bar
    ties = (scores == bar).nonzero()[: count - int(falls.sum()), 0]
    falls[ties] = True
    return falls


def _of_blocks(sizes: Tensor, blocks: Blocks, risen: float) -> Tensor:
    """Of every block so many of the smallest as the part `risen` of all that will fall."""
    of = blocks.places.shape[1]
    count = int((of - blocks.keep) * risen + 0.5)
    order = sizes[blocks.places].argsort(dim=1, stable=True)
    falls = torch.zeros_like(sizes, dtype=torch.bool)
    falls[blocks.places.gather(1, order[:, :count]).reshape(-1)] = True
    return falls


def flat(parts: Sequence[Tensor]) -> Tensor:
    """All numbers of several tensors in a row."""
    return torch.cat([part.reshape(-1) for part in parts])


def _share_of_zeros(group: Sequence[Masked]) -> float:
    sizes = torch.cat([tensor.sizes() for tensor in group])
    return float((sizes == 0).sum()) / max(len(sizes), 1)
