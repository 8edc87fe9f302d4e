"""train.distill: imitate the outputs of one or several teachers.

    L = hard L_task + weight sum_k share_k D(teacher_k, student),   sum_k share_k = 1

D is T^2 KL(teacher || student) for a classification (see losses.py) and the squared error
for every other task. Hinton, Vinyals and Dean, arXiv:1503.02531, section 2; there the
weights of the two terms add up to 1, here both are free.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from lathe.errors import StepImpossible
from lathe.techniques.train import Distill, LogitsLoss
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context, Samples
from worker.engine.losses import distillation, logits_of, squared_error
from worker.engine.outcome import Outcome
from worker.engine.train.batches import Batch, Rows
from worker.engine.train.objective import Objective, Outputs, objective
from worker.engine.train.retrain import retrain, trainable
from worker.engine.train.teachers import Teacher, remember, teacher
from worker.engine.view import TorchView


@dataclass(frozen=True, slots=True)
class Imitation:
    """The lesson: `objective` is None where nothing but the teachers is to be learnt."""

    samples: Samples
    objective: Objective | None
    hard: float
    soft: LogitsLoss
    teachers: tuple[Teacher, ...]
    outputs: tuple[str, ...]
    classifies: bool
    probabilities: bool

    @property
    def reads_labels(self) -> bool:
        """Whether batches must carry labels."""
        return self.objective is not None and self.objective.reads_labels

    def prepare(self, rows: Rows, tick: Callable[[], None]) -> None:
        """Ask the teachers about rows that they have not been asked about."""
        for one in self.teachers:
            one.study(self.samples, rows, tick)

    def loss(self, outputs: Outputs, batch: Batch) -> torch.Tensor:
        """Hard L_task + weight D, a scalar with a gradient."""
        loss = self.soft.weight * self.imitation(outputs, batch)
        if self.objective is not None and self.hard:
            loss = loss + self.hard * self.objective.loss(outputs, batch)
        return loss

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


def distill(checkpoint: Checkpoint, spec: Distill, context: Context) -> Outcome:
    """Train a copy of the checkpoint's model to answer as `spec.teachers` do.

    Without labels `spec.loss.hard` must be 0. Raises StepImpossible, TrainingDiverged and
    EffectLost.
    """
    view, samples, example = trainable(checkpoint, context)
    own = _objective(checkpoint, spec, context, samples)
    student = _answers(view, example, context)
    total = sum(one.weight for one in spec.teachers)
    teachers = [
        teacher(
            one.model,
            one.weight / total,
            context.teachers[one.model],
            example,
            student,
            context,
        )
        for one in spec.teachers
    ]
    remember(teachers, example, samples.count)
    classifies = context.task is not None and context.task.kind == "classification"
    form = objective(context.task, context.io, checkpoint.model).form if classifies else None
    lesson = Imitation(
        samples=samples,
        objective=own,
        hard=spec.loss.hard,
        soft=spec.loss.logits,
        teachers=tuple(teachers),
        outputs=tuple(student),
        classifies=classifies,
        probabilities=form == "probabilities",
    )
    facts = {
        "loss": f"{spec.loss.hard:g} hard + {spec.loss.logits.weight:g} soft",
        "hard_loss": lesson.objective.loss_name if lesson.objective and lesson.hard else None,
        "soft_loss": "kullback_leibler" if lesson.classifies else "mean_squared_error",
        "temperature": spec.loss.logits.temperature if lesson.classifies else None,
        "teachers": len(lesson.teachers),
    }
    return retrain(checkpoint, view, spec, lesson, context, facts)


def _answers(view: TorchView, example: Batch, context: Context) -> dict[str, torch.Tensor]:
    """What the student says, as it came, for the outputs that are to be imitated."""
    with torch.no_grad():
        answer = view.forward(example.inputs)
    return {name: answer[name] for name in _imitated(context)}


def _objective(
    checkpoint: Checkpoint, spec: Distill, context: Context, samples: Samples
) -> Objective | None:
    """The task's own objective where the train split can answer it; it also gives the score."""
    if context.task is not None and context.task.kind == "similarity":
        objective(context.task, context.io, checkpoint.model)  # says why not
    trained = context.task is not None and context.task.kind != "none"
    if trained:
        own = objective(context.task, context.io, checkpoint.model)
        if samples.has_labels or not own.reads_labels:
            return own
    if spec.loss.hard:
        raise StepImpossible(
            f"loss.hard is {spec.loss.hard:g}, but there is no "
            f"{'label in the train split' if trained else 'task to train for'}; set loss.hard "
            "to 0 to learn from the teachers alone",
            param="loss.hard",
        )
    return None


def _imitated(context: Context) -> tuple[str, ...]:
    """The task's output; every float output where no task names one."""
    if context.task is not None and context.task.output is not None:
        return (context.task.output,)
    if context.task is None or context.task.kind == "none":
        return tuple(o.name for o in context.io.outputs if o.dtype.startswith("float"))
    return (context.io.outputs[0].name,)
