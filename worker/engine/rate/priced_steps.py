"""A tensor that learns its codes, its step, and which of its weights are worth their bits.

    forward    w' = q D,   q = clamp(round(w / D), -most, most)
    backward   dL/dw = dL/dw' + price(t) dR/dw        straight through; dR/dw see penalty.py
               dL/dlog D = sum dL/dw' (w' - w)

The step learns in the beginning only and is then frozen at a bfloat16 number: a step that
goes on learning shrinks with its weights, its codes get dearer, and both fall to zero. The
price grows exponentially from rate / START to rate and stays there. Bits of a code come from
densities that are counted anew every REFRESH steps; as their gradient costs a few passes over
the weights, it is added, doubled, every other step.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from worker.engine.hold.held import Held, OwnParameters, in_last_epoch
from worker.engine.rate.density import switch_bits
from worker.engine.rate.grid import coarse, codes
from worker.engine.rate.penalty import add_rate_gradient
from worker.engine.rate.tensors import Tensor

START = 30
REFRESH, EVERY = 60, 2  # steps
STEP_LR_FACTOR = 0.2


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a bit costs, in the loss's units, and how long steps learn, as parts of the run."""

    rate: float
    ramp: float
    step_share: float
    epochs: int

    def price(self, part: float) -> float:
        """What a bit costs when `part` of the run is over."""
        grown = min(part / self.ramp, 1.0) if self.ramp else 1.0
        return self.rate * float(START ** (grown - 1))


class PricedSteps(Held):
    """One tensor of the file; `kept` are its latent values at the end of the run."""

    def __init__(
        self, tensor: Tensor, step: float, most: int, schedule: Schedule, *, sparse: bool
    ) -> None:
        self.tensor, self.most, self.schedule = tensor, most, schedule
        self.learns = schedule.step_share > 0
        self.step = step if self.learns else coarse(step)
        device = tensor.parameters[0].device
        self.log_step = nn.Parameter(torch.tensor(math.log(self.step), device=device))
        self.zeros = [p.detach() == 0 if sparse else None for p in tensor.parameters]
        self.bits: list[torch.Tensor] = []
        self.latent: list[torch.Tensor] = []
        self.kept: list[torch.Tensor] = []
        self.now, self.price, self.over = 0, 0.0, False

    @property
    def ready(self) -> bool:
        """Only when the last epoch is over: before that a bit costs less than it will."""
        return self.over

    def own(self) -> Sequence[OwnParameters]:
        """The step's logarithm."""
        return (OwnParameters((self.log_step,), STEP_LR_FACTOR),) if self.learns else ()

    def hear(self, step: int, steps: int) -> None:
        """Freeze the step when it is time; count densities anew."""
        self.now, self.over = step, in_last_epoch(step, steps, self.schedule.epochs)
        self.price = self.schedule.price(step / steps)
        if self.learns and (self.over or step >= self.schedule.step_share * steps):
            self.freeze()
        if step % REFRESH == 0:
            self.bits = [switch_bits(c, self.tensor.image) for c in self.codes()]

    def freeze(self) -> None:
        """The step stays, at the next bfloat16 number."""
        self.step, self.learns = coarse(self.log_step.exp().item()), False

    def codes(self) -> list[torch.Tensor]:
        """Q of every parameter's latent values, which must be in place."""
        return [codes(p.data, self.step, self.most) for p in self.tensor.parameters]

    def before(self) -> None:
        """Effective values into the parameters."""
        if self.learns:
            self.step = self.log_step.exp().item()
        self.latent = [parameter.data for parameter in self.tensor.parameters]
        for parameter in self.tensor.parameters:
            parameter.data = codes(parameter.data, self.step, self.most).mul_(self.step)

    @torch.no_grad()
    def after(self) -> None:
        """The step's gradient first, from what the effective values got; then the rate's."""
        pulls = torch.zeros_like(self.log_step)
        trained = False
        places = zip(self.tensor.parameters, self.latent, self.zeros, strict=True)
        for index, (parameter, latent, zero) in enumerate(places):
            effective, parameter.data = parameter.data, latent
            if parameter.grad is None:
                continue
            trained = True
            if self.learns:
                pulls += effective.sub_(latent).mul_(parameter.grad).sum()
            if self.now % EVERY == EVERY - 1:
                add_rate_gradient(
                    parameter.grad, latent, self.step, self.bits[index], EVERY * self.price
                )
            if zero is not None:
                parameter.grad.masked_fill_(zero, 0)
        self.log_step.grad = pulls if trained and self.learns else None
        self.latent = []

    @torch.no_grad()
    def settle(self) -> None:
        """Zeros that an earlier step left stay zero."""
        for parameter, zero in zip(self.tensor.parameters, self.zeros, strict=True):
            if zero is not None:
                parameter.masked_fill_(zero, 0)

    def keep(self) -> None:
        """Remember the latent values; the module keeps the effective ones."""
        self.kept = [latent.clone() for latent in self.latent]

    def state(self) -> dict[str, torch.Tensor]:
        """The step, whether it still learns, densities until they are counted anew, and the
        latent values of the best epoch."""
        told = {"step": self.step, "learns": self.learns, "over": self.over}
        return {
            "log_step": self.log_step,
            **{name: torch.tensor(value, dtype=torch.float64) for name, value in told.items()},
            **{f"bits.{n}": bits for n, bits in enumerate(self.bits)},
            **{f"kept.{n}": latent for n, latent in enumerate(self.kept)},
        }

    @torch.no_grad()
    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """All of it."""
        self.log_step.copy_(state["log_step"])
        self.step = state["step"].item()
        self.learns, self.over = bool(state["learns"]), bool(state["over"])
        device, count = self.log_step.device, len(self.tensor.parameters)
        self.bits = [state[f"bits.{n}"].to(device) for n in range(count)]
        if "kept.0" in state:
            self.kept = [state[f"kept.{n}"].to(device) for n in range(count)]
