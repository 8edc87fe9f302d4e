"""train.recover: fine-tune on the labels of the train split, to regain what a step cost."""

from functools import partial

from lathe.techniques.train import Recover
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.train.augmentation import refuse_maps
from worker.engine.train.joint import task_lesson
from worker.engine.train.retrain import retrain, trainable
from worker.engine.train.with_batch_norms import with_batch_norms


def recover(checkpoint: Checkpoint, spec: Recover, context: Context) -> Outcome:
    """Train a copy of the checkpoint's model on its task's own loss.

    Raises StepImpossible, TrainingDiverged and EffectLost.
    """
    train = partial(_trained, spec=spec, context=context)
    if spec.batch_norms == "restore":
        return with_batch_norms(checkpoint, context, train)
    return train(checkpoint)


def _trained(checkpoint: Checkpoint, spec: Recover, context: Context) -> Outcome:
    view, samples, _ = trainable(checkpoint, context)
    refuse_maps(spec.augment, samples, *context.train_of.values())
    lesson = task_lesson(context, checkpoint.model)
    return retrain(checkpoint, view, spec, lesson, context, {"loss": lesson.loss_name})
