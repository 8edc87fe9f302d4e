"""quantize.aware: train a network as the integers that it becomes.

The ranges are calibrated and the graph is written once as quantize.static writes it; what that
graph rounds, the torch view then rounds in training, and at the end the graph is written again
with the weights and steps that were learned. Exporters fold BatchNormalization into the
convolutions before it, so there are no batch statistics to freeze: the folded net is trained.
"""

from collections.abc import Collection
from dataclasses import replace

import onnx

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeAware
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context, Samples
from worker.engine.graph.layers import layers
from worker.engine.measure.environment import saturates
from worker.engine.outcome import FactValue, Outcome
from worker.engine.progress import part_of
from worker.engine.quantize.aware.lowering import OPERATORS, Lowering
from worker.engine.quantize.aware.net import IntegerNet, integer_net
from worker.engine.quantize.aware.plan import learning_weights, stay_float
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts, weight_grids
from worker.engine.quantize.nodes import named, nodes_of
from worker.engine.quantize.require_float import require_float
from worker.engine.quantize.static.calibrate import calibrate
from worker.engine.train.course import course
from worker.engine.train.loop import fit
from worker.engine.view import TorchView, torch_view

CALIBRATED = 0.05  # fraction of the step when training begins
STORED_BITS = 8  # of a weight in the file; only 7 are used where sums of products saturate


def quantize_aware(checkpoint: Checkpoint, spec: QuantizeAware, context: Context) -> Outcome:
    """Lower a copy of the checkpoint's model with weights and steps that were trained.

    Layers whose weight the view shares with something else, recurrent layers and tables stay
    float; the facts name them. Raises UnknownLayer, StepImpossible where nothing can be
    quantized or trained or the model is quantized already, and what training raises.
    """
    require_float(checkpoint.model)
    samples = _examples(context)
    model = checkpoint.private()
    named(model)
    excluded = nodes_of(model, spec.exclude)
    later = part_of(context, CALIBRATED, 1.0)
    taught = course(checkpoint, spec, later) if spec.epochs else None
    view = taught.view if taught else torch_view(checkpoint.model)
    net = _net(view, model, excluded, spec, context)
    held = net.held(checkpoint.traits)
    facts: dict[str, FactValue] = {
        "bits": net.bits,
        "stored_bits": STORED_BITS,
        "activation_grids": len(net.activations),
        "calibration_samples": samples.count,
        "calibration_method": spec.calibration.method,
    }
    curve: tuple[tuple[float, ...], ...] = ()
    if taught is None:
        held.before()
        held.keep()
        held.finish()
    else:
        fitted = fit(view.module, view.forward, spec, taught.lesson, later, held)
        facts, curve = facts | taught.facts | fitted.facts, fitted.curve
    lowered, before = net.lowered(), layers(checkpoint.model)
    found = weight_grids(before, lowered)
    grids = {name: replace(grid, bits=net.bits) for name, grid in found.items()}
    facts |= lowering_facts(checkpoint, lowered, before, frozenset(grids))
    return Outcome(lowered_checkpoint(checkpoint, lowered, grids), facts, curve)


def _examples(context: Context) -> Samples:
    if context.calibration is None:
        raise StepImpossible("quantize.aware needs calibration data", param="data.calibration")
    return context.calibration


def _net(
    view: TorchView,
    model: onnx.ModelProto,
    excluded: Collection[str],
    spec: QuantizeAware,
    context: Context,
) -> IntegerNet:
    """Calibrate `model`, which `view` is of, and make the view round."""
    weights = learning_weights(view, model, excluded)
    if not weights:
        raise StepImpossible(
            "the model has no Conv, Gemm or MatMul with a weight of its own to quantize, or "
            "all of them are excluded",
            param="exclude",
        )
    floats = stay_float(model, weights, excluded)
    ranges = calibrate(
        model,
        [n for n in model.graph.node if n.op_type in OPERATORS and n.name not in floats],
        spec.calibration,
        _examples(context),
        threads=context.threads,
        progress=part_of(context, 0.0, CALIBRATED).progress,
    )
    lowering = Lowering(ranges, frozenset(floats), context.folder)
    bits = spec.bits - int(spec.bits == STORED_BITS and saturates())
    return integer_net(view, model, weights, lowering, bits)
