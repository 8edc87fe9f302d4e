"""quantize.static: integer weights and activations with ranges from calibration data.

q = clamp(round(x / scale) + zero_point), Jacob et al. 2018, arXiv:1712.05877, equation 1;
onnxruntime's quantizer writes the graph, the ranges are our own (see `calibrate`).
"""

import tempfile
from pathlib import Path

import onnx

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeStatic
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.gate import same_function
from worker.engine.graph.layers import layers
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.progress import part_of
from worker.engine.quantize.bias_correction import add_biases, correct_biases
from worker.engine.quantize.calibrate import calibrate
from worker.engine.quantize.equalize import equalize
from worker.engine.quantize.feed import Feed
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts, weight_grids
from worker.engine.quantize.nodes import excluded_layers, named, nodes_of
from worker.engine.quantize.region import outside
from worker.engine.quantize.require_float import require_float
from worker.engine.quantize.smooth import smooth
from worker.engine.quantize.static_writer import (
    BETWEEN,
    LOWERED,
    TABLES,
    WITH_WEIGHTS,
    static_writer,
)
from worker.engine.quantize.tables import small_tables
from worker.engine.run.examples import example_inputs

GATE_EXAMPLES = 8
SMOOTHED = 0.3  # part of the step after which inputs were looked at


def quantize_static(checkpoint: Checkpoint, spec: QuantizeStatic, context: Context) -> Outcome:
    """Lower every Conv, Gemm, MatMul and table that is not excluded, and what lies between.

    Recurrent layers stay float; the facts name them. Raises UnknownLayer for an
    excluded layer that the model does not have, StepImpossible where nothing can be lowered,
    the model is quantized already or an activation is not finite, EffectLost where equalizing
    changed more than rounding explains.
    """
    require_float(checkpoint.model)
    if context.calibration is None:
        raise StepImpossible("quantize.static needs calibration data", param="data.calibration")
    writer = static_writer(spec)
    model = checkpoint.private()
    named(model)
    excluded = nodes_of(model, spec.exclude)
    before = layers(model)
    if not any(layer.operator in (*WITH_WEIGHTS, *TABLES) for layer in before):
        raise StepImpossible(
            "the model has no Conv, Gemm, MatMul or table with constant weights to quantize; "
            "quantize.dynamic also takes LSTM layers"
        )
    done = _prepared(checkpoint, model, spec, context)
    if spec.correct_bias:
        add_biases(model)
    floats = {*excluded, *small_tables(model), *outside(model, WITH_WEIGHTS, BETWEEN, excluded)}
    ranges = calibrate(
        model,
        [n for n in model.graph.node if n.op_type in LOWERED and n.name not in floats],
        spec.calibration,
        context.calibration,
        symmetric=spec.activations.symmetric,
        threads=context.threads,
        progress=part_of(context, SMOOTHED if spec.smooth is not None else 0, 1).progress,
    )
    lowered = writer.lowered(model, context.folder, ranges, floats)
    grids = weight_grids(before, lowered)
    if spec.correct_bias:
        done["biases_corrected"] = correct_biases(model, lowered, grids, context)
        lowered = writer.lowered(model, context.folder, ranges, floats)
    facts = lowering_facts(checkpoint, lowered, before, frozenset(grids))
    facts |= {
        "calibration_samples": context.calibration.count,
        "calibration_method": spec.calibration.method,
    }
    return Outcome(lowered_checkpoint(checkpoint, lowered, grids), facts | writer.facts | done)


def _prepared(
    checkpoint: Checkpoint, model: onnx.ModelProto, spec: QuantizeStatic, context: Context
) -> dict[str, FactValue]:
    """Make the private `model` easier to round, its function unchanged; what was done."""
    if not spec.equalize and spec.smooth is None:
        return {}
    untouchable = {
        *excluded_layers(model, spec.exclude),
        *(name for name, trait in checkpoint.traits.items() if trait.holds_values),
    }
    facts: dict[str, FactValue] = {}
    own = Path(tempfile.mkdtemp(dir=context.folder))
    with Spill(own / "tensors") as spill:
        if spec.equalize:
            facts["pairs_equalized"] = equalize(model, untouchable, spill)
        if spec.smooth is not None and context.calibration is not None:
            report = part_of(context, 0, SMOOTHED).progress
            feed = Feed(context.calibration, context.threads, report, passes=1)
            smoothed = smooth(model, spec.smooth, untouchable, feed, spill)
            facts["layers_smoothed"] = smoothed.layers
            facts["layers_smoothed_at_no_cost"] = smoothed.folded
    inputs = example_inputs(model, context.calibration, GATE_EXAMPLES, seed=context.seed)
    same_function(checkpoint.model, model, [inputs])
    return facts
