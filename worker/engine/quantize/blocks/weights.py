"""quantize.weights: integers in the place of float weights, and nothing else changed."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from lathe.errors import StepImpossible
from lathe.techniques.quantize import PerChannel, QuantizeWeights, WeightGranularity
from worker.engine.checkpoint import Checkpoint, QuantizedWeights
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import layers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import Outcome
from worker.engine.pace import Pace
from worker.engine.quantize.blocks.alone import quantized_alone
from worker.engine.quantize.blocks.calibrated import calibrated
from worker.engine.quantize.blocks.chosen import Layer, chosen_layers
from worker.engine.quantize.blocks.facts import block_facts
from worker.engine.quantize.blocks.grid import Floats, Levels, Quantized
from worker.engine.quantize.blocks.lowering import Done, Lowering
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts
from worker.engine.quantize.require_float import require_float


def quantize_weights(
    checkpoint: Checkpoint, spec: QuantizeWeights, context: Context
) -> Outcome:
    """Put the weights of a copy of the checkpoint's model on integers.

    A weight that would not get smaller stays float, and the facts name it. Raises UnknownLayer
    for a protected layer that the model does not have, StepImpossible where the model is
    quantized already, nothing is left to quantize or calibration data are missing.
    """
    require_float(checkpoint.model)
    model = checkpoint.private()
    before = layers(model)
    chosen = chosen_layers(model, spec)
    constants = initializers(model)
    weights = {layer.name: floats_of(constants[layer.name]) for layer in chosen}
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        lowering = Lowering(model, spec.arithmetic, spill)
        for layer, quantized in _quantized(chosen, weights, checkpoint, spec, context):
            lowering.put(layer, layer.matrix(weights[layer.name]), quantized)
        lowering.finish()
    if not lowering.done:
        raise StepImpossible(
            "no weight takes fewer bytes as integers with their scales; ask for fewer bits or "
            "larger blocks",
            param="granularity",
        )
    lowered = frozenset(one.layer for one in lowering.done)
    facts = lowering_facts(checkpoint, model, before, lowered)
    facts |= {
        "bits": spec.bits,
        "rounding": spec.rounding.method,
        "arithmetic": spec.arithmetic,
    }
    facts |= block_facts(lowering.done, lowering.larger)
    grids = {
        one.name: grid_of(one, spec.granularity, symmetric=spec.symmetric)
        for one in lowering.done
    }
    return Outcome(lowered_checkpoint(checkpoint, model, grids), facts)


def _quantized(
    chosen: Sequence[Layer],
    weights: Mapping[str, Floats],
    checkpoint: Checkpoint,
    spec: QuantizeWeights,
    context: Context,
) -> Iterator[tuple[Layer, Quantized]]:
    if "inputs" in spec.looks_at:
        sparse = frozenset(name for name, trait in checkpoint.traits.items() if trait.sparse)
        yield from calibrated(checkpoint.model, chosen, weights, sparse, spec, context)
        return
    levels = Levels(spec.bits, spec.symmetric)
    pace = Pace(context.progress, len(chosen), "tensors")
    for layer in chosen:
        width = layer.width(spec.granularity, spec.bits)
        rows = layer.matrix(weights[layer.name])
        yield layer, quantized_alone(rows, levels, width, spec.granularity, spec.rounding)
        pace.add(1)


def floats_of(tensor: onnx.TensorProto) -> Floats:
    """The tensor's float32 numbers; a view of its file where it is mapped."""
    return np.asarray(array(tensor), np.float32)


def grid_of(one: Done, granularity: WeightGranularity, *, symmetric: bool) -> QuantizedWeights:
    """The grid of a weight's integers as a trait tells it."""
    by_row = isinstance(granularity, PerChannel)
    return QuantizedWeights(one.bits, symmetric, 0 if by_row else None)
