"""A view that computes as the integer graph will, and the graph that is written from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import onnx

from worker.engine.checkpoint import Trait
from worker.engine.hold.by_traits import held_by_traits
from worker.engine.hold.held import Held, Together
from worker.engine.quantize.aware.activations import Quantizer, SteppedActivations, put_in
from worker.engine.quantize.aware.biases import RoundedBias
from worker.engine.quantize.aware.learned_step import Integers
from worker.engine.quantize.aware.lowering import Lowering, overrides, rounding
from worker.engine.quantize.aware.plan import learning_biases
from worker.engine.quantize.aware.weights import SteppedWeight, Weight
from worker.engine.view import TorchView, write_back


@dataclass(frozen=True, slots=True)
class IntegerNet:
    """`view` is of `model` and rounds its activations; weights and biases are rounded while
    `held` has its effective values in it. `bits` are a weight's."""

    model: onnx.ModelProto
    view: TorchView
    lowering: Lowering
    weights: tuple[SteppedWeight, ...]
    biases: tuple[RoundedBias, ...]
    activations: Mapping[str, Quantizer]
    bits: int

    def held(self, traits: Mapping[str, Trait]) -> Held:
        """Who holds the parameters in training. Of weights that become integers, the `traits`
        of earlier steps keep the zeros alone, as in any lowering."""
        zeros = {
            each.weight.name: Trait(sparse=traits[each.weight.name].sparse)
            for each in self.weights
            if each.weight.name in traits
        }
        kept = held_by_traits(self.view, {**traits, **zeros})
        activations = SteppedActivations(self.activations.values())
        return Together([kept, *self.weights, *self.biases, activations])

    def lowered(self) -> onnx.ModelProto:
        """The integer graph, with the weights of the view and the steps of now."""
        learned = {name: quantizer.grid() for name, quantizer in self.activations.items()}
        final = replace(self.lowering, overrides=overrides(self.weights, learned))
        return final.of(write_back(self.view, self.model))


def integer_net(
    view: TorchView,
    model: onnx.ModelProto,
    weights: Iterable[Weight],
    lowering: Lowering,
    bits: int,
) -> IntegerNet:
    """Make `view` round what `lowering` rounds of `model`, its weights to `bits` bits."""
    rounded = rounding(model, lowering.of(model))
    stepped = {each.name: SteppedWeight(each, Integers.signed(bits)) for each in weights}
    quantizers = put_in(view, rounded.places, rounded.grids)
    biases = tuple(
        RoundedBias(
            each.parameter, stepped[each.weight], quantizers[rounded.places[each.source]]
        )
        for each in learning_biases(view, model, stepped)
    )
    return IntegerNet(model, view, lowering, tuple(stepped.values()), biases, quantizers, bits)
