"""quantize.aware: train a network as the integers that it becomes.

The ranges are calibrated and the graph is written once as quantize.static writes it; what that
graph rounds, the torch view then rounds in training, and at the end the graph is written again
with the weights and steps that were learned. Exporters fold BatchNormalization into the
convolutions before it, so there are no batch statistics to freeze: the folded net is trained.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import onnx

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeAware
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Context, Samples
from worker.engine.graph.layers import layers
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Together
from worker.engine.measure.environment import saturates
from worker.engine.outcome import FactValue, Outcome
from worker.engine.progress import part_of
from worker.engine.quantize.aware.activations import Quantizer, SteppedActivations, put_in
from worker.engine.quantize.aware.biases import RoundedBias
from worker.engine.quantize.aware.learned_step import Integers
from worker.engine.quantize.aware.lowering import OPERATORS, Lowering, overrides, rounding
from worker.engine.quantize.aware.plan import learning_biases, learning_weights, stay_float
from worker.engine.quantize.aware.weights import SteppedWeight
from worker.engine.quantize.calibrate import calibrate
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts, weight_grids
from worker.engine.quantize.nodes import named, nodes_of
from worker.engine.quantize.require_float import require_float
from worker.engine.train.course import course
from worker.engine.train.loop import fit
from worker.engine.view import TorchView, torch_view, write_back

CALIBRATED = 0.05  # fraction of the step when training begins
STORED_BITS = 8  # of a weight in the file; only 7 are used where sums of products saturate


@dataclass(frozen=True, slots=True)
class _Net:
    """A view that computes as the integer graph will, and what that graph is written from."""

    model: onnx.ModelProto
    view: TorchView
    lowering: Lowering
    weights: tuple[SteppedWeight, ...]
    biases: tuple[RoundedBias, ...]
    activations: Mapping[str, Quantizer]
    bits: int

    def lowered(self) -> onnx.ModelProto:
        """With the weights and steps that the view and its holders have now."""
        learned = {name: quantizer.grid() for name, quantizer in self.activations.items()}
        final = replace(self.lowering, overrides=overrides(self.weights, learned))
        return final.of(write_back(self.view, self.model))


def quantize_aware(checkpoint: Checkpoint, spec: QuantizeAware, context: Context) -> Outcome:
    """Lower a copy of the checkpoint's model with weights and steps that were trained.

    Layers whose weight the view shares with something else, recurrent layers and tables stay
    float; the facts name them. Raises UnknownLayer, StepImpossible where nothing can be
    quantized or trained or the model is quantized already, and what training raises.
    """
    require_float(checkpoint.model)
    if context.calibration is None:
        raise StepImpossible("quantize.aware needs calibration data", param="data.calibration")
    later = part_of(context, CALIBRATED, 1.0)
    taught = course(checkpoint, spec, later) if spec.epochs else None
    view = taught.view if taught else torch_view(checkpoint.model)
    net = _rounding(checkpoint, spec, view, context, context.calibration)
    held = Together(
        [
            held_by_traits(view, _kept(checkpoint, net.weights)),
            *net.weights,
            *net.biases,
            SteppedActivations(net.activations.values()),
        ]
    )
    facts: dict[str, FactValue] = {
        "bits": net.bits,
        "stored_bits": STORED_BITS,
        "activation_grids": len(net.activations),
        "calibration_samples": context.calibration.count,
        "calibration_method": spec.calibration.method,
    }
    curve: tuple[tuple[float, ...], ...] = ()
    if taught is None:
        held.before()
        held.keep()
        held.finish()
    else:
        fitted = fit(view.module, view.forward, spec, taught.lesson, later, held)
        facts |= taught.facts | fitted.facts
        curve = fitted.curve
    lowered = net.lowered()
    before = layers(checkpoint.model)
    grids = {
        name: replace(grid, bits=net.bits)
        for name, grid in weight_grids(before, lowered).items()
    }
    facts |= lowering_facts(checkpoint, lowered, before, frozenset(grids))
    return Outcome(lowered_checkpoint(checkpoint, lowered, grids), facts, curve=curve)


def _rounding(
    checkpoint: Checkpoint,
    spec: QuantizeAware,
    view: TorchView,
    context: Context,
    samples: Samples,
) -> _Net:
    """Calibrate, and make `view` round where the integer graph does."""
    model = checkpoint.private()
    named(model)
    excluded = nodes_of(model, spec.exclude)
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
        samples,
        threads=context.threads,
        progress=part_of(context, 0.0, CALIBRATED).progress,
    )
    lowering = Lowering(ranges, frozenset(floats), context.folder)
    rounded = rounding(model, lowering.of(model))
    bits = spec.bits - int(spec.bits == STORED_BITS and saturates())
    stepped = {w.name: SteppedWeight(w, Integers.signed(bits)) for w in weights}
    quantizers = put_in(view, rounded.places, rounded.grids)
    biases = tuple(
        RoundedBias(
            bias.parameter, stepped[bias.weight], quantizers[rounded.places[bias.source]]
        )
        for bias in learning_biases(view, model, weights)
    )
    return _Net(model, view, lowering, tuple(stepped.values()), biases, quantizers, bits)


def _kept(checkpoint: Checkpoint, weights: Iterable[SteppedWeight]) -> dict[str, Trait]:
    """What earlier steps' traits still say in training: of weights that become integers, only
    where they are zero, as after any lowering."""
    zeros = {
        each.weight.name: Trait(sparse=checkpoint.traits[each.weight.name].sparse)
        for each in weights
        if each.weight.name in checkpoint.traits
    }
    return checkpoint.traits | zeros
