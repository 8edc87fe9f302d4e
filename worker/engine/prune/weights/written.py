"""A checkpoint with other weights, in bounded memory."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.site import Floats
from worker.engine.onnx_file.rewrite import rewrite
from worker.engine.onnx_file.spill import Spill


def written(
    checkpoint: Checkpoint, values: Mapping[str, Floats], context: Context
) -> Checkpoint:
    """A copy of the checkpoint in which the tensors `values` hold these numbers."""
    model = checkpoint.private()
    there = initializers(model)
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        for name, value in values.items():
            rewrite(there[name], (value,), spill)
    return replace(checkpoint, model=model)


def sparse_from_now(checkpoint: Checkpoint, names: Iterable[str]) -> Checkpoint:
    """The checkpoint with the trait `sparse` on the tensors `names`."""
    traits = dict(checkpoint.traits)
    for name in names:
        traits[name] = replace(traits.get(name, Trait()), sparse=True)
    return replace(checkpoint, traits=traits)
