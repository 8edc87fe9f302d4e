"""prune.heads: remove the attention heads that matter least."""

from lathe.techniques.prune import PruneHeads
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.prune.along.choice import Share
from worker.engine.prune.along.step import narrowed
from worker.engine.prune.heads.find import attention_heads


def prune_heads(checkpoint: Checkpoint, spec: PruneHeads, context: Context) -> Outcome:
    """Remove heads from a copy of the checkpoint's model, on its graph.

    Raises UnknownLayer, StepImpossible where no heads can go or the criterion lacks its data,
    BudgetUnreachable before any score is taken, and EffectLost where the result fails its
    proof.
    """
    found = attention_heads(checkpoint.model, spec.protect)
    share = Share(spec.keep_heads, spec.scope, "keep_heads", "heads")
    return narrowed(checkpoint, spec, found, share, context)
