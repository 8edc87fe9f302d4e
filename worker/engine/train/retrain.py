"""What both training steps do around the loop: open the view, train, write back, check."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lathe.errors import EffectLost, StepImpossible
from lathe.techniques.train import Training
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context, Samples
from worker.engine.graph.initializers import initializers
from worker.engine.graph.io_spec import io_spec
from worker.engine.hand_back import hand_back
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Held
from worker.engine.outcome import FactValue, Outcome
from worker.engine.train.batches import Batch, batches
from worker.engine.train.lesson import Lesson
from worker.engine.train.loop import fit
from worker.engine.view import TorchView, torch_view

EXAMPLES = 2  # one would hide which axis is the batch


def trainable(checkpoint: Checkpoint, context: Context) -> tuple[TorchView, Samples, Batch]:
    """The view to train, the train split, and its first EXAMPLES without labels.

    Raises StepImpossible where there is nothing to train on, an operator has no trainable
    form, or the model fixes its batch size.
    """
    if context.train is None or context.train.count < EXAMPLES:
        raise StepImpossible("training needs at least 2 examples", param="data.train")
    for tensor in io_spec(checkpoint.model).inputs:
        if tensor.shape and isinstance(tensor.shape[0], int):
            raise StepImpossible(
                f"the input {tensor.name!r} fixes the batch size at {tensor.shape[0]}, and it "
                "could not be freed; export the model with a symbolic batch axis to train it"
            )
    rows = np.arange(EXAMPLES, dtype=np.int64)
    example = next(batches(context.train, rows, EXAMPLES, context.device, labels=False))
    view = torch_view(checkpoint.model)
    view.module.to(context.device).eval()
    return view, context.train, example


def retrain(
    checkpoint: Checkpoint,
    view: TorchView,
    spec: Training,
    lesson: Lesson,
    context: Context,
    facts: Mapping[str, FactValue],
    held: Held | None = None,
) -> Outcome:
    """Train `view`, which is the checkpoint's, and hand back the model with its weights.

    What the checkpoint's traits say of them is kept, unless the caller brings a `held` of its
    own, which then has to. Raises EffectLost where a layer that an earlier step narrowed has
    another width now.
    """
    held = held or held_by_traits(view, checkpoint.traits)
    fitted = fit(view.module, view.forward, spec, lesson, context, held)
    model = hand_back(view, checkpoint.model, context.seed)
    before, after = initializers(checkpoint.model), initializers(model)
    for layer in checkpoint.layers():
        if layer not in after or list(after[layer].dims) != list(before[layer].dims):
            raise EffectLost(f"training changed the shape of {layer!r}")
    return Outcome(
        checkpoint=replace(checkpoint, model=model),
        facts={**facts, **fitted.facts},
        curve=fitted.curve,
    )
