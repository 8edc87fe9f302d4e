"""Weights that a penalty draws together after every step of the optimiser.

    w <- prox_{lr(t) strength}(w)          (see proximal.py)

The gradient of the loss is not touched, so zeros are exact, and Adam's scaling does not reach
the penalty, as AdamW's does not reach weight decay. Yun, Lozano and Yang, "Adaptive Proximal
Gradient Methods for Structured Neural Networks", NeurIPS 2021, algorithm 1 (ProxGen); there the
operator is scaled as the gradient is, here it is not. A singular value decomposition is dear,
so the nuclear norm draws every EVERY steps, EVERY times as hard.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never

import torch
from torch import nn

from lathe.techniques.train import Regularize
from worker.engine.hold.held import Held, in_last_epoch
from worker.engine.train.proximal import shrunken_rows, shrunken_spectrum, soft
from worker.engine.train.schedule import rate_factor

EVERY = 10


class Shrinking(Held):
    """`parameters` are shaped (rows, ...): axis 0 is the layer's output."""

    def __init__(self, parameters: Sequence[nn.Parameter], spec: Regularize) -> None:
        self.parameters, self.spec = tuple(parameters), spec
        self.threshold, self.over = 0.0, False

    @property
    def ready(self) -> bool:
        """Only when the last epoch is over: a model before it has been drawn less."""
        return self.over

    def hear(self, step: int, steps: int) -> None:
        """How hard this step draws."""
        spec = self.spec
        self.over = in_last_epoch(step, steps, spec.epochs)
        factor = rate_factor(spec.schedule, step, steps, spec.warmup)
        pull = spec.optimizer.lr * factor * spec.strength
        if spec.penalty == "nuclear_norm":
            due = step % EVERY == EVERY - 1 or step + 1 == steps
            pull = pull * EVERY if due else 0.0
        self.threshold = pull

    @torch.no_grad()
    def settle(self) -> None:
        """Draw."""
        if not self.threshold:
            return
        for parameter in self.parameters:
            matrix = parameter.reshape(len(parameter), -1)
            parameter.copy_(self.drawn(matrix).reshape(parameter.shape))

    def drawn(self, matrix: torch.Tensor) -> torch.Tensor:
        """(rows, n) after one step's pull."""
        match self.spec.penalty:
            case "l1":
                return soft(matrix, self.threshold)
            case "group_lasso":
                return shrunken_rows(matrix, self.threshold)
            case "nuclear_norm":
                return shrunken_spectrum(matrix, self.threshold)
            case _:
                assert_never(self.spec.penalty)

    def state(self) -> dict[str, torch.Tensor]:
        """Whether the last epoch runs."""
        return {"over": torch.tensor(self.over)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """Whether the last epoch runs."""
        self.over = bool(state["over"])
