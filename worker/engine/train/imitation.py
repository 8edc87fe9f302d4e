"""The lesson of a taught student: answer as the teachers do, and as the labels say.

    L = hard L_task + weight sum_k share_k D(teacher_k, student),   sum_k share_k = 1

D = sum_o weight_o D_o over the outputs o that are imitated; D_o is T^2 KL(teacher || student)
where o answers a classification (see losses.py) and the squared error for every other output.
Hinton, Vinyals and Dean, arXiv:1503.02531, section 2; there the weights of the two terms add
up to 1, here both are free. Distances of inner values come on top (see features.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from lathe.techniques.train import LogitsLoss
from worker.engine.context import Samples
from worker.engine.losses import distillation, logits_of, squared_error
from worker.engine.train.augmentation import Augmentation
from worker.engine.train.batches import Batch, Rows, batches
from worker.engine.train.hints import Hints
from worker.engine.train.joint import TaskLesson
from worker.engine.train.objective import Outputs
from worker.engine.train.teachers import Teacher

ASKED_TOGETHER = 256
CPU = torch.device("cpu")
SUM_TOLERANCE = 1e-3
Numbers = Literal["values", "logits", "probabilities"]


@dataclass(frozen=True, slots=True)
class Imitated:
    """An output that teachers show, its weight in D, and what its numbers are: `values` are
    compared as they are, the others as the classes that they speak of."""

    output: str
    weight: float
    form: Numbers

    @property
    def classifies(self) -> bool:
        """Whether an axis of it holds classes."""
        return self.form != "values"

    def logits(self, output: torch.Tensor) -> torch.Tensor:
        """What its softmax is taken of."""
        return logits_of(output, probabilities=self.form == "probabilities")


@dataclass(frozen=True, slots=True)
class Imitation:
    """The lesson: `objective` is None where nothing but the teachers is to be learnt, and
    without `teachers` the labels alone are."""

    samples: Samples
    objective: TaskLesson | None
    hard: float
    soft: LogitsLoss
    teachers: tuple[Teacher, ...]
    imitated: tuple[Imitated, ...]
    augmentation: Augmentation | None = None
    hints: Hints | None = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what is imitated."""
        return tuple(one.output for one in self.imitated)

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
        """sum_k share_k D(teacher_k, student)."""
        terms = []
        for teacher in self.teachers:
            said = teacher.says(batch)
            for one in self.imitated:
                apart = self.distance(one, outputs[one.output], said[one.output])
                terms.append(teacher.share * one.weight * apart)
        return torch.stack(terms).sum()

    def distance(
        self, one: Imitated, student: torch.Tensor, said: torch.Tensor
    ) -> torch.Tensor:
        """D_o of one output."""
        if not one.classifies:
            return squared_error(student, said)
        return distillation(
            one.logits(student),
            one.logits(said),
            self.soft.temperature,
            unlabelled_class_axis(student),
        )


def unlabelled_class_axis(output: torch.Tensor) -> int:
    """The classes' axis where no label shows it: the last of (N, C) and (N, positions, C),
    axis 1 of images (N, C, H, W)."""
    return 1 if output.dim() >= 4 else output.dim() - 1  # noqa: PLR2004 - an image's rank


def are_probabilities(output: torch.Tensor) -> bool:
    """Whether no number is negative and those of every example and position add up to 1."""
    sums = output.sum(dim=unlabelled_class_axis(output), dtype=torch.float64)
    return bool((output >= 0).all() and ((sums - 1).abs() < SUM_TOLERANCE).all())
