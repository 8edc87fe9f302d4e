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
from worker.engine.context import Context, Samples
from worker.engine.gate import same_function
from worker.engine.graph.layers import layers
from worker.engine.judge import Judge
from worker.engine.onnx_file.spill import Spill
from worker.engine.outcome import FactValue, Outcome
from worker.engine.progress import part_of
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts
from worker.engine.quantize.judge_apart import judge_apart
from worker.engine.quantize.nodes import excluded_layers, named
from worker.engine.quantize.require_float import require_float
from worker.engine.quantize.static.back_off import back_off
from worker.engine.quantize.static.calibrate import Ranges, calibrate
from worker.engine.quantize.static.equalize import equalize
from worker.engine.quantize.static.feed import Feed
from worker.engine.quantize.static.net import Lowered, StaticNet, float_nodes
from worker.engine.quantize.static.smooth import smooth
from worker.engine.quantize.static.writer import (
    LOWERED,
    TABLES,
    WITH_WEIGHTS,
    static_writer,
)
from worker.engine.run.examples import example_inputs
from worker.engine.sensitivity.judged import divergence_from

GATE_EXAMPLES = 8
SMOOTHED, CALIBRATED = 0.3, 0.6  # parts of the step after which inputs and ranges were seen


def quantize_static(checkpoint: Checkpoint, spec: QuantizeStatic, context: Context) -> Outcome:
    """Lower every Conv, Gemm, MatMul and table that is not excluded, and what lies between.

    Recurrent layers stay float; the facts name them. Raises UnknownLayer for an
    excluded layer that the model does not have, StepImpossible where nothing can be lowered,
    the model is quantized already, an activation is not finite or nobody can judge, EffectLost
    where equalizing or smoothing changed more than rounding explains, BudgetUnreachable.
    """
    require_float(checkpoint.model)
    _samples(context)
    writer = static_writer(spec)
    model = checkpoint.private()
    named(model)
    excluded_layers(model, spec.exclude)  # refuses what means no layer
    before = layers(model)
    if not any(layer.operator in (*WITH_WEIGHTS, *TABLES) for layer in before):
        raise StepImpossible(
            "the model has no Conv, Gemm, MatMul or table with constant weights to quantize; "
            "quantize.dynamic also takes LSTM layers"
        )
    judged_by = None
    if spec.back_off is not None:
        judged_by, context = _judge(checkpoint, context)
    done = _prepared(checkpoint, model, spec, context)
    net = StaticNet(model, before, _ranges(model, spec, context), spec, writer, context)
    if judged_by is None:
        lowered = net.lowered()
    else:
        lowered, told = _backed_off(net, judged_by)
        done |= told
    if spec.correct_bias:
        done["biases_corrected"] = lowered.corrected
    facts = lowering_facts(checkpoint, lowered.model, before, frozenset(lowered.grids))
    facts |= {
        "calibration_samples": _samples(context).count,
        "calibration_method": spec.calibration.method,
    }
    after = lowered_checkpoint(checkpoint, lowered.model, lowered.grids)
    return Outcome(after, facts | writer.facts | done)


def _samples(context: Context) -> Samples:
    if context.calibration is None:
        raise StepImpossible("quantize.static needs calibration data", param="data.calibration")
    return context.calibration


def _ranges(model: onnx.ModelProto, spec: QuantizeStatic, context: Context) -> Ranges:
    floats = float_nodes(model, spec.exclude)
    first = SMOOTHED if spec.smooth is not None else 0
    return calibrate(
        model,
        [n for n in model.graph.node if n.op_type in LOWERED and n.name not in floats],
        spec.calibration,
        _samples(context),
        symmetric=spec.activations.symmetric,
        threads=context.threads,
        progress=part_of(context, first, 1 if spec.back_off is None else CALIBRATED).progress,
    )


def _judge(checkpoint: Checkpoint, context: Context) -> tuple[Judge, Context]:
    """Who says when enough layers went back, and the context without its examples."""
    judged_by, context = judge_apart(checkpoint, context)
    if judged_by is None:
        raise StepImpossible(
            "back_off needs examples to judge by: two of data.calibration, or labels of "
            "data.train",
            param="data.calibration",
        )
    return judged_by, context


def _backed_off(net: StaticNet, judged_by: Judge) -> tuple[Lowered, dict[str, FactValue]]:
    context, spec = net.context, net.spec
    divergence = divergence_from(judged_by.original, judged_by, context)
    progress = part_of(context, CALIBRATED, 1).progress
    found = back_off(net, judged_by, divergence.of, spec.back_off or 0.0, progress)
    return found.lowered, {
        "drop": found.drop,
        "judged_by": judged_by.metric,
        "layers_backed_off": ", ".join(found.left) or None,
    }


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
        if spec.smooth is not None:
            report = part_of(context, 0, SMOOTHED).progress
            feed = Feed(_samples(context), context.threads, report, passes=1)
            smoothed = smooth(model, spec.smooth, untouchable, feed, spill)
            facts["layers_smoothed"] = smoothed.layers
            facts["layers_smoothed_at_no_cost"] = smoothed.folded
    inputs = example_inputs(model, context.calibration, GATE_EXAMPLES, seed=context.seed)
    same_function(checkpoint.model, model, [inputs])
    return facts
