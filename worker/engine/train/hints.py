"""Inner values that a student is to have as its teacher has them.

A layer's value is what its Conv, ConvTranspose, Gemm or MatMul gives, before bias of a separate
Add and before the activation. To be seen, it is made an output of the graph while training.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from lathe.errors import StepImpossible, UnknownLayer
from lathe.techniques.train import Feature
from worker.engine.graph.layers import WEIGHTS
from worker.engine.graph.shapes import shapes
from worker.engine.hold.held import Held, OwnParameters
from worker.engine.train.features import attention, hint

CHANNELS_FIRST = {"Conv", "ConvTranspose"}
SEEN = CHANNELS_FIRST | {"Gemm", "MatMul"}
WITH_POSITIONS = 3  # axes of what attention is paid to


@dataclass(frozen=True, slots=True)
class Value:
    """A layer's value by its name in the graph; channels are its axis 1, else its last."""

    name: str
    channels_first: bool

    def laid_out(self, values: Tensor) -> Tensor:
        """(n, channels, positions...)."""
        return values if self.channels_first else values.movedim(-1, 1)


@dataclass(frozen=True, slots=True)
class Pair:
    """What is compared; `regressor` is (teacher's channels, student's) where they differ."""

    feature: Feature
    student: Value
    teacher: Value
    regressor: nn.Parameter | None = None

    def loss(self, outputs: Mapping[str, Tensor], said: Mapping[str, Tensor]) -> Tensor:
        """The feature's weight times its distance."""
        mine = self.student.laid_out(outputs[self.student.name])
        other = self.teacher.laid_out(said[self.teacher.name])
        if self.feature.kind == "attention":
            return self.feature.weight * attention(mine, other)
        return self.feature.weight * hint(mine, other, self.regressor)


@dataclass(frozen=True, slots=True)
class Hints:
    """The pairs of one training."""

    pairs: tuple[Pair, ...]

    def loss(self, outputs: Mapping[str, Tensor], said: Mapping[str, Tensor]) -> Tensor:
        """Their sum."""
        return torch.stack([pair.loss(outputs, said) for pair in self.pairs]).sum()

    def fitted(
        self, outputs: Mapping[str, Tensor], said: Mapping[str, Tensor], seed: int
    ) -> "Hints":
        """With regressors where an example shows that channels differ.

        Raises StepImpossible where positions differ, or there are none to pay attention to.
        """
        generator = torch.Generator().manual_seed(seed)
        return Hints(
            tuple(
                _fitted(pair, outputs[pair.student.name], said[pair.teacher.name], generator)
                for pair in self.pairs
            )
        )


@dataclass
class Regressors(Held):
    """Brings the regressors of `hints` to the optimiser."""

    hints: Hints
    parameters: list[nn.Parameter] = field(init=False)

    def __post_init__(self) -> None:
        found = (pair.regressor for pair in self.hints.pairs)
        self.parameters = [regressor for regressor in found if regressor is not None]

    def own(self) -> Sequence[OwnParameters]:
        """With the learning rate and the weight decay of any weight."""
        return (OwnParameters(tuple(self.parameters), decays=True),) if self.parameters else ()

    def state(self) -> dict[str, Tensor]:
        """The regressors."""
        return {str(n): parameter for n, parameter in enumerate(self.parameters)}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """The regressors."""
        for number, parameter in enumerate(self.parameters):
            parameter.copy_(state[str(number)])


def hints(
    features: Iterable[Feature], student: onnx.ModelProto, teacher: onnx.ModelProto
) -> Hints:
    """Find the values that `features` name; raises UnknownLayer and StepImpossible."""
    return Hints(
        tuple(
            Pair(
                feature,
                _value(student, feature.layer, "model", f"features.{number}.layer"),
                _value(
                    teacher,
                    feature.teacher_layer or feature.layer,
                    "teacher",
                    f"features.{number}.teacher_layer",
                ),
            )
            for number, feature in enumerate(features)
        )
    )


def shown(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """A copy of `model` that gives the values `names` as well.

    Raises StepImpossible where the rank of one is unknown.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    there = {output.name for output in model.graph.output}
    known = shapes(model)
    for name in dict.fromkeys(names):
        if name in there:
            continue
        if name not in known:
            raise StepImpossible(
                f"the shape of the value {name!r} is unknown, so it cannot be imitated",
                param="features",
            )
        copy.graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * len(known[name]))
        )
    return copy


def with_outputs_of(model: onnx.ModelProto, original: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` with the outputs of `original` alone."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    copy.graph.output.extend(original.graph.output)
    return copy


def _value(model: onnx.ModelProto, layer: str, whose: str, param: str) -> Value:
    found: dict[str, onnx.NodeProto] = {}
    for node in model.graph.node:
        for place in WEIGHTS.get(node.op_type, ()):
            if place < len(node.input):
                found.setdefault(node.input[place], node)
    constants = {tensor.name for tensor in model.graph.initializer}
    known = sorted(found.keys() & constants)
    if layer not in known:
        raise UnknownLayer(
            f"the {whose} has no layer {layer!r}; it has {', '.join(known)}", param=param
        )
    node = found[layer]
    if node.op_type not in SEEN:
        raise StepImpossible(
            f"the layer {layer!r} is a {node.op_type}; features are compared behind "
            f"{', '.join(sorted(SEEN))}",
            param=param,
        )
    return Value(node.output[0], node.op_type in CHANNELS_FIRST)


def _fitted(pair: Pair, student: Tensor, said: Tensor, generator: torch.Generator) -> Pair:
    mine, other = pair.student.laid_out(student), pair.teacher.laid_out(said)
    layer = pair.feature.layer
    if mine.shape[2:] != other.shape[2:]:
        raise StepImpossible(
            f"the layer {layer!r} has values {tuple(student.shape)}, the teacher's "
            f"{tuple(said.shape)}: only channels may differ in number",
            param="features",
        )
    if pair.feature.kind == "attention":
        if mine.dim() < WITH_POSITIONS:
            raise StepImpossible(
                f"the layer {layer!r} has values {tuple(student.shape)}, without positions to "
                "pay attention to; use the kind hint",
                param="features",
            )
        return pair
    channels, wanted = mine.shape[1], other.shape[1]
    if channels == wanted:
        return pair
    drawn = torch.randn(wanted, channels, generator=generator) / math.sqrt(channels)
    regressor = nn.Parameter(drawn.to(student.device))
    return Pair(pair.feature, pair.student, pair.teacher, regressor)
