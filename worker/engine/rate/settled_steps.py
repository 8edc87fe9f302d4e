"""Multiples that settle: zeros and steps stay, and the latent values are remembered."""

from collections.abc import Mapping

import torch

from worker.engine.hold.on_steps import OnSteps
from worker.engine.rate.tensors import Tensor


class SettledSteps(OnSteps):
    """One tensor of the file; `kept` are the latent values behind the best weights so far.

    They tell which codes are about to change, which the next round of choosing codes uses.
    """

    def __init__(
        self, tensor: Tensor, latent: list[torch.Tensor], step: float, most: int
    ) -> None:
        for parameter, values in zip(tensor.parameters, latent, strict=True):
            parameter.data = values
        self.tensor = tensor
        self.kept = [values.clone() for values in latent]
        steps = torch.tensor(step, device=latent[0].device)
        placed = [(parameter, steps.expand_as(parameter)) for parameter in tensor.parameters]
        super().__init__(placed, most, sparse=True)

    def keep(self) -> None:
        """Remember the latent values; the module keeps the effective ones."""
        self.kept = [latent.clone() for latent in self.latent]

    def state(self) -> dict[str, torch.Tensor]:
        """The latent values of the best epoch."""
        return {f"kept.{n}": latent for n, latent in enumerate(self.kept)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """The latent values of the best epoch."""
        self.kept = [state[f"kept.{n}"].to(k.device) for n, k in enumerate(self.kept)]
