"""One ONNX node, read: its inputs by place and its attributes with their defaults."""

from dataclasses import dataclass, field
from typing import Any

import onnx
from onnx import helper

from worker.engine.graph.operators import qualified


@dataclass(frozen=True, slots=True)
class Op:
    """`inputs` and `outputs` keep empty names at places that are left out."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    node: onnx.NodeProto
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The first output that is not left out: it names the node."""
        return next(name for name in self.outputs if name)

    def has(self, place: int) -> bool:
        """Whether an input stands at `place`."""
        return place < len(self.inputs) and self.inputs[place] != ""

    def input(self, place: int) -> str:
        """The name at `place`, empty where it is left out."""
        return self.inputs[place] if self.has(place) else ""

    def number(self, name: str, default: float) -> float:
        """A float attribute."""
        return float(self.attributes.get(name, default))

    def integer(self, name: str, default: int) -> int:
        """An int attribute."""
        return int(self.attributes.get(name, default))

    def integers(self, name: str, default: list[int]) -> list[int]:
        """A list of ints."""
        return [int(value) for value in self.attributes.get(name, default)]

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        return str(self.attributes.get(name, default))


def read(node: onnx.NodeProto) -> Op:
    """`node` with its attributes as Python values; strings are decoded."""
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    decoded = {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}
    return Op(qualified(node), tuple(node.input), tuple(node.output), node, decoded)
