"""prune.blocks: remove the residual blocks that do least."""

from dataclasses import replace

from lathe.techniques.prune import PruneBlocks
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.gate import same_function
from worker.engine.outcome import Outcome
from worker.engine.probe import random_inputs
from worker.engine.prune.blocks.bypass import unheard, without
from worker.engine.prune.blocks.choose import Chooser
from worker.engine.prune.blocks.find import residual_blocks
from worker.engine.prune.blocks.goal import goal_of
from worker.engine.prune.blocks.influence import answers, change
from worker.engine.prune.evidence import Unlabelled
from worker.engine.prune.facts import named, nothing_to_remove, what_is_left

BATCHES = (1, 3)  # one that runtimes like to bake in, and one that they would not guess


def prune_blocks(checkpoint: Checkpoint, spec: PruneBlocks, context: Context) -> Outcome:
    """Remove residual blocks from a copy of the checkpoint's model, one after the other, until
    the budget is met.

    Raises UnknownLayer, StepImpossible without such blocks or inputs, BudgetUnreachable, and
    EffectLost unless the result answers as if the blocks added zeros.
    """
    shown = Unlabelled.of(spec.samples, checkpoint, context)
    blocks, alone = residual_blocks(checkpoint, spec.protect, context.seed)
    if not blocks:
        raise nothing_to_remove(
            "residual blocks that can go, no Add of a value and of what layers make of it in "
            "the same shape",
            alone,
        )
    goal = goal_of(spec, checkpoint.model, blocks)
    chooser = Chooser(checkpoint.model, blocks, goal, shown.batches, context)
    gone = chooser.in_order() if spec.criterion == "cosine" else chooser.one_by_one()
    done = replace(checkpoint, model=without(checkpoint.model, gone))
    probes = [random_inputs(checkpoint.model, batch, context.seed) for batch in BATCHES]
    same_function(unheard(checkpoint.model, gone), done.model, probes)
    after = answers(done.model, shown.batches, context.threads)
    context.progress(Progress(fraction=1.0))
    facts = what_is_left(checkpoint, done) | {
        "blocks_before": len(blocks),
        "blocks_removed": len(gone),
        "removed": "; ".join(", ".join(block.layers) for block in gone),
        "output_change": change(chooser.wanted, after),
        "examples": shown.examples,
        "left_alone": named(alone) or None,
    }
    return Outcome(done, facts)
