"""train.distill: imitate the outputs of one or several teachers; see imitation.py."""

from dataclasses import replace
from functools import partial

from lathe.techniques.train import Distill
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Together
from worker.engine.outcome import Outcome
from worker.engine.train.course import course
from worker.engine.train.hints import Regressors, hints, shown, with_outputs_of
from worker.engine.train.retrain import retrain
from worker.engine.train.student import in_place_of, replaced
from worker.engine.train.with_batch_norms import with_batch_norms


def distill(checkpoint: Checkpoint, spec: Distill, context: Context) -> Outcome:
    """Train a copy of the checkpoint's model, or of the student that takes its place, to answer
    as `spec.teachers` do.

    Without labels `spec.loss.hard` must be 0. Raises StepImpossible, UnknownLayer,
    TrainingDiverged and EffectLost.
    """
    if spec.student is None:
        return _distilled(checkpoint, spec, context)
    student = context.teachers[spec.student]
    outcome = _distilled(in_place_of(checkpoint.model, student), spec, context)
    told = replaced(spec.student, checkpoint.model, student)
    return replace(outcome, facts=told | outcome.facts)


def _distilled(checkpoint: Checkpoint, spec: Distill, context: Context) -> Outcome:
    if spec.features:
        return _with_features(checkpoint, spec, context)
    train = partial(_taught, spec=spec, context=context)
    if spec.batch_norms == "restore":
        return with_batch_norms(checkpoint, context, train)
    return train(checkpoint)


def _taught(checkpoint: Checkpoint, spec: Distill, context: Context) -> Outcome:
    taught = course(checkpoint, spec, context)
    return retrain(checkpoint, taught.view, spec, taught.lesson, context, taught.facts)


def _with_features(checkpoint: Checkpoint, spec: Distill, context: Context) -> Outcome:
    """The compared values are outputs of both graphs until the training is over."""
    first = spec.teachers[0].model
    asked = hints(spec.features, checkpoint.model, context.teachers[first])
    student = shown(checkpoint.model, (pair.student.name for pair in asked.pairs))
    seen = replace(checkpoint, model=student)
    teacher = shown(context.teachers[first], (pair.teacher.name for pair in asked.pairs))
    taught = course(
        seen, spec, replace(context, teachers=context.teachers | {first: teacher}), asked
    )
    regressors = Regressors(taught.lesson.hints or asked)
    held = Together([held_by_traits(taught.view, checkpoint.traits), regressors])
    outcome = retrain(seen, taught.view, spec, taught.lesson, context, taught.facts, held)
    model = with_outputs_of(outcome.checkpoint.model, checkpoint.model)
    return replace(outcome, checkpoint=replace(outcome.checkpoint, model=model))
