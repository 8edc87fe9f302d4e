"""What a taught step trains, and by which lesson, from its spec alone.

Every step whose spec is `Taught` (train.distill, train.rate_distortion, the fine-tuning of
share.rate_distortion) begins here and gives the lesson to `fit`, whose spec says the rest:
augmentation and the held-out part are fit's own business.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import onnx
import torch

from lathe.errors import StepImpossible
from lathe.task import OneTask
from lathe.techniques.train import Distill, Taught
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context, Samples
from worker.engine.outcome import FactValue
from worker.engine.train.augmentation import augmentation, refuse_maps
from worker.engine.train.batches import Batch
from worker.engine.train.hints import Hints
from worker.engine.train.imitation import Imitated, Imitation, Numbers, are_probabilities
from worker.engine.train.joint import TaskLesson, has_every_label, task_lesson
from worker.engine.train.objective import objective
from worker.engine.train.retrain import trainable
from worker.engine.train.teachers import Teacher, remember, teacher
from worker.engine.view import TorchView


@dataclass(frozen=True, slots=True)
class Course:
    """`view` is of a copy of the checkpoint's model, on the context's device in eval mode;
    `lesson` goes to `fit` with it; `facts` are for the step's report."""

    view: TorchView
    lesson: Imitation
    facts: dict[str, FactValue]


def course(
    checkpoint: Checkpoint, spec: Taught, context: Context, asked: Hints | None = None
) -> Course:
    """Open the checkpoint's model and the teachers, and make the lesson of `spec`.

    What is `asked` of inner values must be outputs of the model and of the first teacher.

    The lesson keeps the teachers' answers: training several times with one course asks them
    once. Without labels `spec.loss.hard` must be 0. Raises StepImpossible.
    """
    view, samples, example = trainable(checkpoint, context)
    own = _objective(checkpoint, spec, context, samples)
    if spec.loss.hard:
        refuse_maps(spec.augment, samples, *context.train_of.values())
    answers = _answers(view, example)
    imitated = _imitated(spec, context, checkpoint.model)
    if not imitated:
        raise StepImpossible("the model has no output of floats that could be imitated")
    student = {one.output: answers[one.output] for one in imitated}
    changed = augmentation(spec.augment, samples, context.seed)
    extra = () if asked is None else tuple(pair.teacher.name for pair in asked.pairs)
    teachers = _teachers(spec, student, example, context, extra)
    _refuse_other_numbers(imitated, student, teachers, example)
    lesson = Imitation(
        samples=samples,
        objective=own,
        hard=spec.loss.hard,
        soft=spec.loss.logits,
        teachers=teachers,
        imitated=imitated,
        augmentation=changed,
        hints=asked and asked.fitted(answers, teachers[0].says(example), context.seed),
    )
    remember(lesson.teachers, example, changed.rows if changed else samples.count)
    return Course(view, lesson, _facts(lesson))


def _facts(lesson: Imitation) -> dict[str, FactValue]:
    soft = lesson.soft.weight if lesson.teachers else 0.0
    classified = {one.classifies for one in lesson.imitated}
    kinds = {True: "kullback_leibler", False: "mean_squared_error"}
    return {
        "loss": f"{lesson.hard:g} hard + {soft:g} soft",
        "hard_loss": lesson.objective.loss_name if lesson.objective and lesson.hard else None,
        "soft_loss": " + ".join(kinds[one] for one in sorted(classified)) if soft else None,
        "temperature": lesson.soft.temperature if True in classified and soft else None,
        "teachers": len(lesson.teachers),
        "features": len(lesson.hints.pairs) if lesson.hints else 0,
    }


def _teachers(
    spec: Taught,
    student: dict[str, torch.Tensor],
    example: Batch,
    context: Context,
    extra: tuple[str, ...],
) -> tuple[Teacher, ...]:
    """The first one is asked about the values `extra` too."""
    total = sum(one.weight for one in spec.teachers)
    return tuple(
        teacher(
            one.model,
            one.weight / total,
            context.teachers[one.model],
            example,
            student,
            context,
            extra if number == 0 else (),
        )
        for number, one in enumerate(spec.teachers)
    )


def _refuse_other_numbers(
    imitated: Iterable[Imitated],
    student: Mapping[str, torch.Tensor],
    teachers: Iterable[Teacher],
    example: Batch,
) -> None:
    """Raise StepImpossible where one answers a classification with probabilities and another
    does not: the softmax that both are compared by would be taken twice."""
    for one in teachers:
        said = one.says(example)
        for output in (each.output for each in imitated if each.classifies):
            if are_probabilities(said[output]) != are_probabilities(student[output]):
                theirs, ours = "probabilities", "logits"
                if not are_probabilities(said[output]):
                    theirs, ours = ours, theirs
                raise StepImpossible(
                    f"the teacher {one.name!r} answers {output!r} with {theirs}, what it "
                    f"teaches with {ours}; export both with a Softmax at the end, or neither",
                    param="teachers",
                )


def _answers(view: TorchView, example: Batch) -> dict[str, torch.Tensor]:
    """What the student says, as it came."""
    with torch.no_grad():
        return view.forward(example.inputs)


def _objective(
    checkpoint: Checkpoint, spec: Taught, context: Context, samples: Samples
) -> TaskLesson | None:
    """The tasks' own lesson where the train split can answer all; it also gives the score."""
    if context.task is not None and context.task.kind == "similarity":
        objective(context.task, context.io, checkpoint.model)  # says why not
    trained = context.task is not None and context.task.kind != "none"
    if trained and (has_every_label(context) or spec.loss.hard):
        own = task_lesson(context, checkpoint.model)
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


def _imitated(spec: Taught, context: Context, model: onnx.ModelProto) -> tuple[Imitated, ...]:
    """The outputs of the tasks, weighted as their losses; every float output where no task
    names one, and where another network takes the model's place, which has learnt none."""
    task, named = context.task, list[Imitated]()
    if task is not None and (task.output is not None or task.kind != "none"):
        output = task.output or context.io.outputs[0].name
        named.append(Imitated(output, 1.0, _form(task, context, model)))
        named += [Imitated(t.output, t.weight, _form(t, context, model)) for t in task.also]
    if named and not (isinstance(spec, Distill) and spec.student is not None):
        return tuple(named)
    known = {one.output for one in named}
    rest = [
        tensor.name
        for tensor in context.io.outputs
        if tensor.dtype.startswith("float") and tensor.name not in known
    ]
    weight = 1.0 if named else 1 / max(len(rest), 1)
    return (*named, *(Imitated(name, weight, "values") for name in rest))


def _form(task: OneTask, context: Context, model: onnx.ModelProto) -> Numbers:
    if task.kind != "classification":
        return "values"
    form = objective(task, context.io, model).form
    return "probabilities" if form == "probabilities" else "logits"
