"""The course of a step that removes units, whatever they are."""

from collections.abc import Sequence
from typing import assert_never

from lathe.techniques.prune.narrowing import Narrowing
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.outcome import FactValue, Outcome
from worker.engine.prune.along.choice import Share
from worker.engine.prune.along.coupled import Coupled
from worker.engine.prune.along.importance import magnitude
from worker.engine.prune.along.loudness import loudness
from worker.engine.prune.along.mask_gradient import mask_gradients
from worker.engine.prune.along.narrower import narrower
from worker.engine.prune.along.search import Found
from worker.engine.prune.coupling import Kept
from worker.engine.prune.evidence import Labelled, Unlabelled
from worker.engine.prune.facts import named, nothing_to_remove, what_is_left
from worker.engine.prune.importance import Scores
from worker.engine.train.joint import task_lesson


def narrowed(
    checkpoint: Checkpoint, spec: Narrowing, found: Found, share: Share, context: Context
) -> Outcome:
    """Remove the units that matter least from a copy of the checkpoint's model.

    Raises StepImpossible where no group was found or the criterion lacks its data,
    BudgetUnreachable, and EffectLost where the result fails its proof.
    """
    groups = found.groups
    if not groups:
        raise nothing_to_remove(f"{share.units} that can go", found.alone)
    share.require_reachable([group.units for group in groups])
    scores = _scores(checkpoint, spec, groups, context)
    kept = share.chosen(scores, comparable=spec.criterion == "gradient")
    done = narrower(checkpoint, groups, kept, context)
    context.progress(Progress(fraction=1.0))
    return Outcome(done, what_is_left(checkpoint, done) | _counts(found, kept, share.units))


def _scores(
    checkpoint: Checkpoint, spec: Narrowing, groups: Sequence[Coupled], context: Context
) -> Scores:
    match spec.criterion:
        case "l2":
            return magnitude(checkpoint.model, groups)
        case "output":
            inputs = Unlabelled.of(spec.samples, checkpoint, context)
            return loudness(checkpoint, groups, inputs, context)
        case "gradient":
            task = task_lesson(context, checkpoint.model)
            labelled = Labelled.of(task, spec.samples, context)
            return mask_gradients(checkpoint.model, groups, labelled, context)
        case _:
            assert_never(spec.criterion)


def _counts(found: Found, kept: Sequence[Kept], units: str) -> dict[str, FactValue]:
    left = [int(mask.sum()) for mask in kept]
    pairs = list(zip(found.groups, left, strict=True))
    return {
        f"{units}_before": sum(group.units for group in found.groups),
        f"{units}_after": sum(left),
        "by_layer": ", ".join(f"{group.name} {n} of {group.units}" for group, n in pairs),
        "layers_narrowed": sum(n < group.units for group, n in pairs),
        "layers_left_alone": len(found.alone),
        "left_alone": named(found.alone) or None,
    }
