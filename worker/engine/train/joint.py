"""Several tasks of one network, trained jointly: the weighted sum of their losses.

    L = L_1 + sum_k weight_k L_k,      score = (s_1 + sum_k weight_k s_k) / (1 + sum_k weight_k)

Caruana, "Multitask Learning", Machine Learning 28 (1997): what one task needs of the layers
that are shared helps another. The weights are the user's and stay as they are. L_k and s_k are
the loss and the score of one task alone (see objective.py); the score chooses the epoch, and of
a single task it is that task's own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import onnx
import torch

from lathe.errors import StepImpossible
from worker.engine.context import Context, Samples
from worker.engine.train.batches import Batch, Rows
from worker.engine.train.objective import Objective, Outputs, objective


@dataclass(frozen=True, slots=True)
class Part:
    """A further task: `labelled` is the train split with this task's labels."""

    objective: Objective
    weight: float
    labelled: Samples

    def seen(self, batch: Batch) -> Batch:
        """The batch with this task's labels; a changed copy has those of its example."""
        if not self.objective.reads_labels:
            return replace(batch, labels=None)
        labels = self.labelled.labels(batch.rows % self.labelled.count)
        device = next(iter(batch.inputs.values())).device
        return replace(batch, labels=torch.from_numpy(np.array(labels)).to(device))


@dataclass(frozen=True, slots=True)
class Joint:
    """The lesson of several tasks; batches carry the labels of the first."""

    first: Objective
    further: tuple[Part, ...]

    @property
    def reads_labels(self) -> bool:
        """Whether batches must carry labels."""
        return self.first.reads_labels

    @property
    def loss_name(self) -> str:
        """Every task's loss and weight, for the report."""
        weighted = (
            (1.0, self.first),
            *((part.weight, part.objective) for part in self.further),
        )
        return " + ".join(f"{w:g} {one.loss_name}({one.output})" for w, one in weighted)

    def prepare(self, rows: Rows, tick: Callable[[], None]) -> None:
        """Nothing: labels come with their examples."""

    def loss(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """L of a batch, a scalar with a gradient."""
        parts = (
            part.weight * part.objective.loss(outputs, part.seen(batch))
            for part in self.further
        )
        return torch.stack([self.first.loss(outputs, batch), *parts]).sum()

    def score(self, outputs: Outputs, batch: Batch) -> float:
        """Higher is better: the weighted mean of the tasks' scores."""
        total = self.first.score(outputs, batch)
        for part in self.further:
            total += part.weight * part.objective.score(outputs, part.seen(batch))
        return total / (1 + sum(part.weight for part in self.further))


TaskLesson = Objective | Joint


def task_lesson(context: Context, model: onnx.ModelProto) -> TaskLesson:
    """What the job's tasks ask of `model`; of a single one its Objective.

    Raises StepImpossible where one of them cannot be trained on, or lacks its labels.
    """
    first = objective(context.task, context.io, model)
    if context.task is None or not context.task.also:
        return first
    further = []
    for one in context.task.also:
        labelled = context.train_of.get(one.name)
        part = objective(one, context.io, model)
        if labelled is None or (part.reads_labels and not labelled.has_labels):
            raise StepImpossible(
                f"the train split has no labels for the task {one.name!r}: "
                f"no array label/{one.output}",
                param="data.train",
            )
        further.append(Part(part, one.weight, labelled))
    return Joint(first, tuple(further))


def has_every_label(context: Context) -> bool:
    """Whether the train split answers each further task that is trained on labels."""
    if context.task is None:
        return True
    return all(
        one.kind == "reconstruction" or context.train_of[one.name].has_labels
        for one in context.task.also
    )
