"""What the training loop is told: a loss to lower, a score to choose the epoch by."""

from collections.abc import Callable
from typing import Protocol

import torch

from worker.engine.train.batches import Batch, Rows
from worker.engine.train.objective import Outputs


class Lesson(Protocol):
    """A loss and a score of a batch, means over its examples; an Objective is one."""

    @property
    def reads_labels(self) -> bool:
        """Whether batches must carry labels."""
        ...

    def prepare(self, rows: Rows, tick: Callable[[], None]) -> None:
        """These rows come next; `tick` is to be called at least once a second."""
        ...

    def loss(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """A scalar with a gradient."""
        ...

    def score(self, outputs: Outputs, batch: Batch) -> float:
        """Higher is better."""
        ...
