"""prune.units: remove the hidden units of recurrent layers that matter least."""

from lathe.techniques.prune import PruneUnits
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import Outcome
from worker.engine.prune.along.choice import Share
from worker.engine.prune.along.step import narrowed
from worker.engine.prune.units.find import hidden_units


def prune_units(checkpoint: Checkpoint, spec: PruneUnits, context: Context) -> Outcome:
    """Remove hidden units from a copy of the checkpoint's model, on its graph.

    Raises UnknownLayer, StepImpossible where no units can go or the criterion lacks its data,
    BudgetUnreachable before any score is taken, and EffectLost where the result fails its
    proof.
    """
    found = hidden_units(checkpoint.model, spec.protect)
    share = Share(spec.keep_units, spec.scope, "keep_units", "units", spec.round_to)
    return narrowed(checkpoint, spec, found, share, context)
