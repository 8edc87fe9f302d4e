"""Which epoch is kept, and when to stop looking for a better one."""

from dataclasses import dataclass, field

import torch

from lathe.techniques.train import EarlyStopping

State = dict[str, torch.Tensor]


@dataclass(slots=True)
class Best:
    """The best epoch so far by its held-out score, higher is better, and its weights.

    Among equal scores the lower held-out loss is kept. Only a score that beats the best by
    more than `min_delta` resets the patience.
    """

    stopping: EarlyStopping | None = None
    epoch: int = -1
    score: float = -float("inf")
    loss: float = float("inf")
    state: State = field(default_factory=dict)
    waited: int = 0
    mark: float = -float("inf")

    def told(self) -> dict[str, int | float]:
        """Everything but the weights."""
        return {
            "epoch": self.epoch,
            "score": self.score,
            "loss": self.loss,
            "waited": self.waited,
            "mark": self.mark,
        }

    def offer(self, epoch: int, score: float, loss: float, module: torch.nn.Module) -> bool:
        """Take one epoch's result, copy its weights if it is the best, and say whether to
        stop. A score that is not a number is never the best."""
        if (score, -loss) > (self.score, -self.loss):
            self.epoch, self.score, self.loss = epoch, score, loss
            self.state = {
                name: tensor.detach().to("cpu", copy=True)
                for name, tensor in module.state_dict().items()
            }
        if self.stopping is None:
            return False
        if score > self.mark + self.stopping.min_delta:
            self.mark, self.waited = score, 0
        else:
            self.waited += 1
        return self.waited >= self.stopping.patience
