"""optimize.graph: the same function from fewer nodes and bytes.

Names of inputs, outputs and of every weight that is still there stay as they were. The
result is compared with the original on random inputs before it is handed on.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from lathe.errors import EffectLost
from lathe.techniques.optimize import OptimizeGraph
from lathe.views import Progress
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.gate import same_function
from worker.engine.graph.io_spec import io_spec
from worker.engine.onnx_file.spill import Spill
from worker.engine.onnx_file.write import file_bytes
from worker.engine.optimize.batch_norm import merge_batch_norms
from worker.engine.optimize.constants import fold_constants
from worker.engine.optimize.dead import drop_dead
from worker.engine.optimize.duplicates import drop_duplicates
from worker.engine.optimize.passthrough import drop_passthrough
from worker.engine.outcome import Outcome
from worker.engine.probe import random_inputs

BATCHES = (1, 3)
ROUNDS = 10  # one pass opens the way for another; real graphs settle after two or three


def optimize_graph(checkpoint: Checkpoint, _: OptimizeGraph, context: Context) -> Outcome:
    """Clean up a copy of the checkpoint's model; its spec has no options.

    Raises EffectLost if the result computes something else.
    """
    model = checkpoint.private()
    as_they_are = frozenset(
        layer
        for layer, t in checkpoint.traits.items()
        if t.grid or t.codebook is not None or t.multiples is not None
    )
    masked = frozenset(layer for layer, t in checkpoint.traits.items() if t.sparse)
    own = Path(tempfile.mkdtemp(dir=context.folder))
    counts = {"constants": 0, "passthrough": 0, "batch_norms": 0, "duplicates": 0, "dead": 0}
    with Spill(own / "tensors") as spill:
        for turn in range(1, ROUNDS + 1):
            changes = {
                "constants": fold_constants(model, spill),
                "passthrough": drop_passthrough(model),
                "batch_norms": merge_batch_norms(model, as_they_are, spill, masked),
                "duplicates": drop_duplicates(model),
                "dead": drop_dead(model),
            }
            counts = {name: counts[name] + changed for name, changed in changes.items()}
            context.progress(
                Progress(fraction=turn / ROUNDS, current=turn, total=ROUNDS, unit="passes")
            )
            if not any(changes.values()):
                break
    if io_spec(model) != io_spec(checkpoint.model):
        raise EffectLost("cleaning up changed the model's inputs or outputs")
    batches = [random_inputs(checkpoint.model, batch, context.seed) for batch in BATCHES]
    same_function(checkpoint.model, model, batches)
    return Outcome(
        checkpoint=replace(checkpoint, model=model),
        facts={
            "nodes_before": len(checkpoint.model.graph.node),
            "nodes_after": len(model.graph.node),
            "bytes_before": file_bytes(checkpoint.model),
            "bytes_after": file_bytes(model),
            **{f"{name}_removed": count for name, count in counts.items()},
        },
    )
