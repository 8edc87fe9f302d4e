"""A checkpoint with other weights, in bounded memory."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from worker.engine.checkpoint import Checkpoint
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
