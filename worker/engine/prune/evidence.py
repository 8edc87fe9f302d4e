"""The examples that tell how much a unit or a weight matters."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from lathe.errors import StepImpossible
from lathe.techniques.prune.channels import LOOKS, ChannelCriterion
from lathe.techniques.step import NOTHING
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Arrays, Context, Samples
from worker.engine.layerwise.calibration import batched, unlabelled
from worker.engine.run.examples import fixed_batch_of
from worker.engine.train.batches import Rows
from worker.engine.train.joint import TaskLesson, task_lesson


@dataclass(frozen=True, slots=True)
class Labelled:
    """The task's loss on these rows of the train split."""

    objective: TaskLesson
    samples: Samples
    rows: Rows

    @property
    def examples(self) -> int:
        """How many."""
        return len(self.rows)

    @classmethod
    def of(cls, task: TaskLesson, most: int, context: Context) -> "Labelled":
        """A seeded choice of `most` rows, or all; StepImpossible without labels."""
        samples = context.train
        if samples is None or samples.count == 0:
            raise StepImpossible("the loss is one of data.train; give it", param="data.train")
        if task.reads_labels and not samples.has_labels:
            raise StepImpossible("the train split has no labels", param="data.train")
        drawn = np.random.default_rng(context.seed).permutation(samples.count)
        return cls(task, samples, np.sort(drawn[:most]).astype(np.int64))


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Inputs by name, in batches that the model takes."""

    batches: tuple[Arrays, ...]

    @property
    def examples(self) -> int:
        """How many."""
        return sum(len(next(iter(batch.values()))) for batch in self.batches)

    @classmethod
    def of(cls, most: int, checkpoint: Checkpoint, context: Context) -> "Unlabelled":
        """A seeded choice of `most` examples, or as many as there are; StepImpossible
        without any."""
        found = unlabelled(context)
        if found is None:
            raise StepImpossible(
                "the criterion looks at inputs; give data.calibration, or data.train",
                param="data.calibration",
            )
        samples, rows = found
        return cls(tuple(batched(samples, rows[:most], fixed_batch_of(checkpoint.model))))

    def tensors(self, device: torch.device) -> Iterator[dict[str, torch.Tensor]]:
        """Batch by batch."""
        for batch in self.batches:
            yield {n: torch.from_numpy(np.array(a)).to(device) for n, a in batch.items()}


Evidence = Labelled | Unlabelled


def evidence(
    criterion: ChannelCriterion, most: int, checkpoint: Checkpoint, context: Context
) -> Evidence | None:
    """What the criterion looks at, None where that is the weights alone. Raises
    StepImpossible where it is not there."""
    looks = LOOKS.get(criterion, NOTHING)
    if "loss" in looks:
        task = task_lesson(context, checkpoint.model)
        return Labelled.of(task, most, context)
    return Unlabelled.of(most, checkpoint, context) if "inputs" in looks else None
