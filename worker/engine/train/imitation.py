"""The lesson of a taught student: answer as the teachers do, and as the labels say.

    L = hard L_task + weight sum_k share_k D(teacher_k, student),   sum_k share_k = 1

D is T^2 KL(teacher || student) for a classification (see losses.py) and the squared error
for every other task. Hinton, Vinyals and Dean, arXiv:1503.02531, section 2; there the
weights of the two terms add up to 1, here both are free. Distances of inner values come on
top (see features.py).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from lathe.techniques.train import LogitsLoss
from worker.engine.context import Samples
from worker.engine.losses import distillation, logits_of, squared_error
from worker.engine.train.augmentation import Augmentation
from worker.engine.train.batches import Batch, Rows, batches
from worker.engine.train.hints import Hints
from worker.engine.train.objective import Objective, Outputs
from worker.engine.train.teachers import Teacher

ASKED_TOGETHER = 256
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Imitation:
    """The lesson: `objective` is None where nothing but the teachers is to be learnt, and
    without `teachers` the labels alone are."""

    samples: Samples
    objective: Objective | None
    hard: float
    soft: LogitsLoss
    teachers: tuple[Teacher, ...]
    outputs: tuple[str, ...]
    classifies: bool
    probabilities: bool
    augmentation: Augmentation | None = None
    hints: Hints | None = None

    @property
    def reads_labels(self) -> bool:
        """Whether batches must carry labels."""
        return self.objective is not None and self.objective.reads_labels

    def prepare(self, rows: Rows, tick: Callable[[], None]) -> None:
        """Ask the teachers about rows that they have not been asked about."""
        for one in self.teachers:
            pieces = batches(
                self.samples,
                one.unasked(rows),
                ASKED_TOGETHER,
                CPU,
                labels=False,
                augmentation=self.augmentation,
            )
            one.study(pieces, tick)

    def loss(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """Hard L_task + weight D + the features' distances, a scalar with a gradient."""
        terms = []
        if self.teachers:
            terms.append(self.soft.weight * self.imitation(outputs, batch))
        if self.objective is not None and self.hard:
            terms.append(self.hard * self.objective.loss(outputs, batch))
        if self.hints is not None:
            terms.append(self.hints.loss(outputs, self.teachers[0].says(batch)))
        return torch.stack(terms).sum()

    def score(self, outputs: Outputs, batch: Batch) -> float:
        """The task's score where there are labels, else minus the distance to the teachers."""
        if self.objective is not None:
            return self.objective.score(outputs, batch)
        return -self.imitation(outputs, batch).item()

    def imitation(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """sum_k share_k D(teacher_k, student), the mean over the imitated outputs."""
        terms = []
        for one in self.teachers:
            said = one.says(batch)
            distances = [self.distance(outputs[name], said[name]) for name in self.outputs]
            terms.append(one.share * torch.stack(distances).mean())
        return torch.stack(terms).sum()

    def distance(self, student: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        """D of one output."""
        if not self.classifies:
            return squared_error(student, said)
        return distillation(
            logits_of(student, probabilities=self.probabilities),
            logits_of(said, probabilities=self.probabilities),
            self.soft.temperature,
            unlabelled_class_axis(student),
        )


def unlabelled_class_axis(output: torch.Tensor) -> int:
    """The classes' axis where no label shows it: the last of (N, C) and (N, positions, C),
    axis 1 of images (N, C, H, W)."""
    return 1 if output.dim() >= 4 else output.dim() - 1  # noqa: PLR2004 - an image's rank
