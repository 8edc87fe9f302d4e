"""A net whose weights are codes: what they are, what they take, and the graph with them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from worker.engine.checkpoint import Checkpoint, Multiples, Trait
from worker.engine.encode.symbol_bytes import symbol_bytes
from worker.engine.graph.initializers import initializers

STEP_BYTES = 2

Codes = NDArray[np.signedinteger]


@dataclass(frozen=True, slots=True)
class CodedTensor:
    """`codes` in the tensor's shape, kept in the smallest integers that hold them; its values
    are codes * step in float32."""

    codes: Codes
    step: float

    def __post_init__(self) -> None:
        most = int(np.abs(self.codes).max(initial=0))
        narrow = np.int8 if most <= np.iinfo(np.int8).max else np.int32
        object.__setattr__(self, "codes", self.codes.astype(narrow))

    @property
    def values(self) -> NDArray[np.float32]:
        """The tensor, each number rounded once."""
        return self.codes.astype(np.float32) * np.float32(self.step)

    @property
    def multiples(self) -> Multiples:
        """What the trait says of it."""
        most = max(int(self.codes.max(initial=1)), -int(self.codes.min(initial=-1)))
        return Multiples(steps=(self.step,), axis=None, most=most)


@dataclass(frozen=True, slots=True)
class CodedNet:
    """`tensors` by initializer name and `floats` that are not coded but have changed;
    `nearest` names weights coded without their inputs."""

    tensors: Mapping[str, CodedTensor]
    floats: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    nearest: tuple[str, ...] = ()
    size_bytes: float = field(init=False)

    def __post_init__(self) -> None:
        size = sum(
            symbol_bytes(tensor.codes.reshape(len(tensor.codes), -1).astype(np.int32))
            + STEP_BYTES
            for tensor in self.tensors.values()
        )
        object.__setattr__(self, "size_bytes", size)

    def model(self, original: onnx.ModelProto) -> onnx.ModelProto:
        """`original` with these weights; it is not changed."""
        coded = {name: tensor.values for name, tensor in self.tensors.items()}
        return with_tensors(original, {**self.floats, **coded})

    def checkpoint(self, before: Checkpoint) -> Checkpoint:
        """The state after the step: values on their grids, and traits that say so."""
        traits = dict(before.traits)
        for name, tensor in self.tensors.items():
            traits[name] = replace(traits.get(name, Trait()), multiples=tensor.multiples)
        return replace(before, model=self.model(before.model), traits=traits)


def with_tensors(
    original: onnx.ModelProto, values: Mapping[str, NDArray[np.float32]]
) -> onnx.ModelProto:
    """`original` with other values of some initializers, in their element types."""
    model = onnx.ModelProto()
    model.CopyFrom(original)
    there = initializers(model)
    for name, value in values.items():
        there[name].CopyFrom(numpy_helper.from_array(value, name))
    return model


def zeroed(original: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """`original` with zeros in some float32 initializers: what is left is the rest of it."""
    there = initializers(original)
    blank = {name: np.zeros(tuple(there[name].dims), np.float32) for name in names}
    return with_tensors(original, blank)
