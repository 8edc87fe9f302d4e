"""Training with the BatchNorms that an exporter had merged, and without them afterwards.

restore_batch_norms.py has the formulas both ways. The model that training hands on has the
nodes and tensors that it came with.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Arrays, Context, Samples
from worker.engine.gate import same_function
from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.batch_norm import merge_batch_norms
from worker.engine.optimize.restore_batch_norms import restore_batch_norms
from worker.engine.outcome import Outcome
from worker.engine.train.retrain import trainable

EXAMPLES = 512  # whose mean and variance a norm begins with
BATCH = 64
NORM = "BatchNormalization"


def with_batch_norms(
    checkpoint: Checkpoint, context: Context, train: Callable[[Checkpoint], Outcome]
) -> Outcome:
    """What `train` makes of the checkpoint with restored norms, these merged again.

    Layers stay without one where an earlier step put a weight or bias on few values, as the
    merged norm would move them, and where several nodes read them. Raises what `trainable`
    and `train` raise, and EffectLost where a norm changed the function.
    """
    _, samples, _ = trainable(checkpoint, context)
    model = checkpoint.private()
    batches = _examples(samples, context.seed)
    restored = restore_batch_norms(model, batches, _left(checkpoint))
    same_function(checkpoint.model, model, batches[:1])
    outcome = train(replace(checkpoint, model=model))
    merged = _merged(outcome.checkpoint, checkpoint.model, context)
    same_function(outcome.checkpoint.model, merged, batches[:1])
    return replace(
        outcome,
        checkpoint=replace(outcome.checkpoint, model=merged),
        facts=outcome.facts | {"batch_norms_restored": len(restored)},
    )


def _examples(samples: Samples, seed: int) -> list[Arrays]:
    """Of the train split, drawn by `seed`."""
    rows = np.random.default_rng(seed).permutation(samples.count)[:EXAMPLES]
    return [samples.inputs(rows[at : at + BATCH]) for at in range(0, len(rows), BATCH)]


def _left(checkpoint: Checkpoint) -> set[str]:
    """Tensors that no scale may be merged into: zeros of a weight stay zeros, those of a bias
    do not."""
    graph = checkpoint.model.graph
    reads = Counter(name for node in graph.node for name in node.input)
    shared = {tensor.name for tensor in graph.initializer if reads[tensor.name] > 1}
    biases = {node.input[2] for node in graph.node if len(node.input) > 2}  # noqa: PLR2004 - x, w, b
    fixed = {
        name
        for name, trait in checkpoint.traits.items()
        if replace(trait, channels=None, sparse=False) != Trait()
        or (trait.sparse and name in biases)
    }
    return shared | fixed


def _merged(
    trained: Checkpoint, original: onnx.ModelProto, context: Context
) -> onnx.ModelProto:
    """The trained model without the norms that `original` has not."""
    model = trained.private()
    known = initializers(original).keys()
    own = {
        name for node in original.graph.node if node.op_type == NORM for name in node.input[1:]
    }
    folder = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(folder / "tensors") as spill:
        merge_batch_norms(model, frozenset(own), spill)
    read = {name for node in model.graph.node for name in node.input}
    unread = [t for t in model.graph.initializer if t.name not in known | read]
    for tensor in unread:
        model.graph.initializer.remove(tensor)
    if [n.op_type for n in model.graph.node] != [n.op_type for n in original.graph.node]:
        raise RuntimeError("a restored BatchNorm could not be merged again")
    return model
