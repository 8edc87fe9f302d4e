"""Weights that compute as integers while they learn; each output channel has a step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from worker.engine.hold.held import Held, OwnParameters
from worker.engine.quantize.aware.learned_step import Integers

SMALLEST_FACTOR = 2.0**-6  # of the step that a tensor began with: steps stay positive
CANDIDATES = 100


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight that becomes integers: `name` in the file, where `axis` is its output
    channels'; in the `parameter` they come first."""

    name: str
    axis: int
    parameter: nn.Parameter


class SteppedWeight(Held):
    """`first` (channels, 1, ...) are the steps that it begins with; `factor` moves them."""

    def __init__(self, weight: Weight, integers: Integers) -> None:
        self.weight, self.integers = weight, integers
        values = weight.parameter.detach()
        self.first = nearest_steps(values, integers).reshape(-1, *[1] * (values.dim() - 1))
        self.factor = nn.Parameter(torch.ones_like(self.first))
        self.kept = self.factor.detach().clone()
        self.scale = integers.gradient_scale(values[0].numel())
        self.latent: Tensor | None = None

    @property
    def now(self) -> Tensor:
        """The steps of now, (channels, 1, ...)."""
        return self.first * self.factor

    @property
    def steps(self) -> Tensor:
        """(channels,) float32, those of the last `keep`."""
        return (self.first * self.kept).flatten()

    def own(self) -> Sequence[OwnParameters]:
        """The factors, with the learning rate of any weight and without decay."""
        return (OwnParameters((self.factor,)),)

    @torch.no_grad()
    def before(self) -> None:
        """Put s q in the module."""
        parameter = self.weight.parameter
        self.latent = parameter.data
        parameter.data = self.integers.nearest(parameter.data / self.now).mul_(self.now)

    @torch.no_grad()
    def after(self) -> None:
        """The steps' gradient first, from the one that the effective values got."""
        parameter, latent = self.weight.parameter, self.latent
        if latent is None:
            raise RuntimeError("after() without before()")
        parameter.data, self.latent = latent, None
        if parameter.grad is None:
            return
        v = latent / self.now
        rest = tuple(range(1, latent.dim()))
        pull = (parameter.grad * self.integers.slope(v)).sum(rest, keepdim=True)
        self.factor.grad = pull * self.scale / self.first
        parameter.grad.mul_(self.integers.inside(v))

    @torch.no_grad()
    def settle(self) -> None:
        """Steps stay positive."""
        self.factor.clamp_(min=SMALLEST_FACTOR)

    def keep(self) -> None:
        """Remember the factors."""
        self.kept = self.factor.detach().clone()

    def state(self) -> dict[str, Tensor]:
        """The factors of now and those of the best epoch."""
        return {"factor": self.factor, "kept": self.kept}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Both."""
        self.factor.copy_(state["factor"])
        self.kept = state["kept"].to(self.factor.device)


@torch.no_grad()
def nearest_steps(weight: Tensor, integers: Integers) -> Tensor:
    """(channels,) steps of (channels, ...) weights, each the one of CANDIDATES that moves its
    channel least, by the sum of squares: equal parts of the largest magnitude / high.

    The paper begins with 2 mean|w| / sqrt(high), which at 8 bits cuts nothing off and rounds
    coarsely; these are good without training, too. A channel of zeros has the step 1.
    """
    rows = weight.flatten(1)
    widest = rows.abs().amax(1, keepdim=True) / integers.high
    widest = widest.where(widest >= torch.finfo(torch.float32).tiny, 1.0)
    best, least = widest, torch.full_like(widest, torch.inf)
    for part in range(CANDIDATES, 0, -1):
        steps = widest * (part / CANDIDATES)
        error = (integers.nearest(rows / steps) * steps - rows).square().sum(1, keepdim=True)
        best, least = best.where(error >= least, steps), torch.minimum(least, error)
    return best.flatten()
