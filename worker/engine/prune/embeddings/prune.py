"""prune.embeddings: remove the dimensions of embeddings that matter least."""

from lathe.techniques.prune import PruneEmbeddings
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.prune.along.choice import Share
from worker.engine.prune.along.step import narrowed
from worker.engine.prune.embeddings.find import embedding_widths


def prune_embeddings(
    checkpoint: Checkpoint, spec: PruneEmbeddings, context: Context
) -> Outcome:
    """Remove dimensions from a copy of the checkpoint's model, on its graph.

    Raises UnknownLayer, StepImpossible where no dimensions can go or the criterion lacks its
    data, BudgetUnreachable before any score is taken, and EffectLost where the result fails
    its proof.
    """
    found = embedding_widths(checkpoint.model, spec.protect)
    share = Share(spec.keep_width, spec.scope, "keep_width", "dimensions", spec.round_to)
    return narrowed(checkpoint, spec, found, share, context)
