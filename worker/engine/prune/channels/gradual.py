"""prune.channels with training between its rounds.

After round t of n the model may cost keep^(t/n) of what it did: each round takes the same
fraction of what is left, so that steps become smaller as the model does. Rounds of pruning
and fine-tuning: Molchanov et al., arXiv:1611.06440, section 2.1.
"""

from dataclasses import replace

from lathe.errors import StepImpossible
from lathe.techniques.prune import PruneChannels
from lathe.techniques.train import Recover
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.outcome import FactValue, Outcome
from worker.engine.progress import part_of
from worker.engine.prune.channels.prune import prune_channels, require_reachable
from worker.engine.prune.facts import what_is_left
from worker.engine.train.distill import distill
from worker.engine.train.recover import recover

ENOUGH = 1 - 1e-9  # a budget that is met already


def prune_gradually(checkpoint: Checkpoint, spec: PruneChannels, context: Context) -> Outcome:
    """Narrow a copy of the checkpoint's model round by round and train after each with
    `spec.recover`.

    Raises what prune_channels and the training raise; a budget out of reach before any work.
    """
    require_reachable(checkpoint, spec, replace(context, progress=_nobody))
    facts: dict[str, FactValue] = {}
    curve: list[tuple[float, ...]] = []
    done = checkpoint
    for number in range(spec.rounds):
        first, last = number / spec.rounds, (number + 1) / spec.rounds
        middle = first + (last - first) / 3
        narrower = _narrowed(checkpoint, done, spec, number, part_of(context, first, middle))
        if narrower is not None:
            facts, done = facts | narrower.facts, narrower.checkpoint
        trained = _trained(done, spec, part_of(context, middle, last))
        facts, done = facts | trained.facts, trained.checkpoint
        begun = curve[-1][0] + 1 if curve else 0.0
        curve += [(begun + row[0], *row[1:]) for row in trained.curve]
    return Outcome(done, facts=facts | what_is_left(checkpoint, done), curve=tuple(curve))


def _narrowed(
    original: Checkpoint, now: Checkpoint, spec: PruneChannels, number: int, context: Context
) -> Outcome | None:
    """One round of pruning; None where an earlier one already went so far."""
    name = "keep_parameters" if spec.keep_parameters is not None else "keep_macs"
    keep = spec.keep_parameters or spec.keep_macs or 0.0
    most = _cost(original, spec) * keep ** ((number + 1) / spec.rounds)
    left = most / _cost(now, spec)
    if left >= ENOUGH:
        return None
    one = spec.model_copy(update={name: left, "rounds": 1, "recover": None})
    return prune_channels(now, one, context)


def _trained(checkpoint: Checkpoint, spec: PruneChannels, context: Context) -> Outcome:
    match spec.recover:
        case None:
            raise StepImpossible("gradual pruning needs a training", param="recover")
        case Recover() as training:
            return recover(checkpoint, training, context)
        case training:
            return distill(checkpoint, training, context)


def _cost(checkpoint: Checkpoint, spec: PruneChannels) -> int:
    if spec.keep_parameters is not None:
        return parameters(checkpoint.model)
    return macs(checkpoint.model) or 1


def _nobody(progress: Progress) -> None:
    """Nobody listens to the look ahead."""
