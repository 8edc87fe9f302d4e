"""The watch over a network whose weights are being priced out of existence."""

from dataclasses import dataclass, field

import torch

from lathe.errors import TrainingDiverged
from worker.engine.view import TorchView

EVERY = 60  # forward passes

Tensors = dict[str, torch.Tensor]


@dataclass(slots=True)
class Alive:
    """Runs the view and raises TrainingDiverged once its answers no longer depend on the
    example: too much was set to zero, and no gradient brings it back."""

    view: TorchView
    rate: float
    passes: int = field(default=0, init=False)

    def forward(self, inputs: Tensors) -> Tensors:
        """As the view's, looked at every so often."""
        outputs = self.view.forward(inputs)
        self.passes += 1
        if self.passes % EVERY == 0 and not _tells_apart(outputs):
            raise TrainingDiverged(
                f"at a rate of {self.rate:g} nearly every weight became zero, and the model "
                "gives the same answer to every example; lower rate or initial_step, or give "
                "it more epochs",
                param="rate",
            )
        return outputs


def _tells_apart(outputs: Tensors) -> bool:
    floats = [t.detach() for t in outputs.values() if t.is_floating_point() and len(t) > 1]
    return not floats or any(not torch.equal(t, t[:1].expand_as(t)) for t in floats)
