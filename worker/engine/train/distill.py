"""train.distill: imitate the outputs of one or several teachers; see imitation.py."""

from lathe.techniques.train import Distill
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.train.course import course
from worker.engine.train.retrain import retrain


def distill(checkpoint: Checkpoint, spec: Distill, context: Context) -> Outcome:
    """Train a copy of the checkpoint's model to answer as `spec.teachers` do.

    Without labels `spec.loss.hard` must be 0. Raises StepImpossible, TrainingDiverged and
    EffectLost.
    """
    taught = course(checkpoint, spec, context)
    return retrain(checkpoint, taught.view, spec, taught.lesson, context, taught.facts)
