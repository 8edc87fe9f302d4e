"""What a pruning step says about itself."""

from collections.abc import Sequence

from lathe.errors import StepImpossible
from worker.engine.checkpoint import Checkpoint
from worker.engine.graph.macs import macs
from worker.engine.graph.parameters import parameters
from worker.engine.outcome import FactValue
from worker.engine.prune.coupling import Group, Kept, LeftAlone

NAMED = 12  # layers left alone that the facts name one by one


def pruning_facts(
    before: Checkpoint,
    done: Checkpoint,
    groups: Sequence[Group],
    kept: Sequence[Kept],
    alone: Sequence[LeftAlone],
    narrowed_layers: int,
) -> dict[str, FactValue]:
    """Counted on the ONNX graphs, not on the view. Channels are those of all groups."""
    return {
        **what_is_left(before, done),
        "channels_before": sum(group.units for group in groups),
        "channels_after": int(sum(units.sum() for units in kept)),
        "groups": len(groups),
        "layers_narrowed": narrowed_layers,
        "layers_left_alone": len({layer.path for layer in alone}),
        "left_alone": named(alone) or None,
    }


def what_is_left(before: Checkpoint, done: Checkpoint) -> dict[str, FactValue]:
    """Multiply-accumulates and parameters, counted on the ONNX graphs."""
    macs_before, macs_after = macs(before.model), macs(done.model)
    held, left = parameters(before.model), parameters(done.model)
    return {
        "macs_before": macs_before,
        "macs_after": macs_after,
        "macs_left": macs_after / macs_before if macs_before and macs_after else None,
        "parameters_before": held,
        "parameters_after": left,
        "parameters_left": left / held,
    }


def named(alone: Sequence[LeftAlone]) -> str:
    """The layers left alone with their reasons, the first NAMED of them."""
    reasons = {layer.path: layer.reason for layer in alone}
    named = [f"{path} ({reason})" for path, reason in list(reasons.items())[:NAMED]]
    more = len(reasons) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def nothing_to_remove(units: str, alone: Sequence[LeftAlone]) -> StepImpossible:
    """The refusal of a model that has no such `units`, or only some that must stay."""
    left = f"; left alone: {named(alone)}" if alone else ""
    return StepImpossible(
        f"the model has no {units}{left}; leave this step out, or use prune.channels or "
        "prune.weights"
    )
