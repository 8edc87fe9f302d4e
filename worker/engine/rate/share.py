"""share.rate_distortion: every weight takes the multiple of its step that is worth its bits."""

from lathe.techniques.rate import ShareRateDistortion
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.rate.post.share import share_without_training
from worker.engine.rate.rounds import share_by_rounds


def share_rate_distortion(
    checkpoint: Checkpoint, spec: ShareRateDistortion, context: Context
) -> Outcome:
    """Share a copy of the checkpoint's model's weights on grids: in rounds with fine-tuning,
    or with error feedback and no training."""
    if spec.trains(train=context.train is not None):
        return share_by_rounds(checkpoint, spec, context)
    return share_without_training(checkpoint, spec, context)
