"""A checkpoint without some of its channels."""

from collections.abc import Sequence
from dataclasses import replace

from lathe.errors import EffectLost
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.hand_back import hand_back
from worker.engine.prune.channels.cut import cut
from worker.engine.prune.channels.proof import computes_the_same
from worker.engine.prune.channels.prunable import Inputs
from worker.engine.prune.channels.steps_left import steps_left
from worker.engine.prune.coupling import Group, Kept, narrowed_layers
from worker.engine.view import TorchView


def require_the_same(
    view: TorchView, groups: Sequence[Group], kept: Sequence[Kept], inputs: Inputs
) -> None:
    """Raises EffectLost unless all that goes can go together."""
    if not computes_the_same(view, groups, kept, inputs):
        raise EffectLost("the channels chosen cannot be removed together; protect some layers")


def narrower(
    checkpoint: Checkpoint,
    view: TorchView,
    groups: Sequence[Group],
    kept: Sequence[Kept],
    context: Context,
) -> tuple[Checkpoint, int]:
    """The checkpoint with the units `kept` alone, and how many of its layers are narrower;
    `view`, which is of its model, is cut. Raises EffectLost where writing back fails its
    proof."""
    traits = steps_left(view, checkpoint.traits, groups, kept)
    cut(view.module, groups, kept)
    model = hand_back(view, checkpoint.model, context.seed)
    context.progress(Progress(fraction=1.0))
    narrow = narrowed_layers(view.layers, groups, kept)
    for layer, channels in narrow.items():
        traits[layer] = replace(traits.get(layer, Trait()), channels=channels)
    return replace(checkpoint, model=model, traits=traits), len(narrow)
