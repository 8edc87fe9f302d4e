"""What the search for coupled axes asks an ONNX graph."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper

from lathe.facts import Dim
from worker.engine.graph.initializers import initializers
from worker.engine.graph.shapes import shapes
from worker.engine.graph.uses import consumers, producers
from worker.engine.onnx_file.array import array
from worker.engine.prune.along.coupled import NotCuttable

Dims = tuple[Dim, ...]


class Net:
    """A graph with its shapes for one example; `model` is not changed."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = model.graph.node
        self.constants = initializers(model)
        self.made_by = producers(model.graph)
        self.read_by = consumers(model.graph)
        self.inputs = {value.name for value in model.graph.input} - self.constants.keys()
        self.outputs = {value.name for value in model.graph.output}
        self._shapes: Mapping[str, Dims] = shapes(model)

    @property
    def shapes(self) -> Mapping[str, Dims]:
        """Dims by value, the batch as 1."""
        return self._shapes

    def shape(self, value: str) -> Dims:
        """Raises NotCuttable where not even the number of axes is known."""
        found = self._shapes.get(value)
        if found is None:
            raise NotCuttable(f"the shape of {value} is unknown")
        return found

    def around(self, value: str) -> list[onnx.NodeProto]:
        """The node that makes `value`, if any, and those that read it."""
        made = [self.made_by[value]] if value in self.made_by else []
        return made + self.read_by.get(value, [])

    def integers(self, value: str) -> list[int]:
        """The numbers of a constant; NotCuttable where it is computed."""
        if value not in self.constants:
            raise NotCuttable(f"{value} is computed")
        return [int(n) for n in np.reshape(array(self.constants[value]), -1)]


def integer(node: onnx.NodeProto, name: str, default: int = 0) -> int:
    """An attribute that is one integer."""
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def integers(node: onnx.NodeProto, name: str) -> list[int] | None:
    """An attribute that is several integers, if it is there."""
    return next((list(a.ints) for a in node.attribute if a.name == name), None)


def set_integer(node: onnx.NodeProto, name: str, value: int) -> None:
    """Give an attribute another integer."""
    for attribute in [a for a in node.attribute if a.name == name]:
        node.attribute.remove(attribute)
    node.attribute.append(helper.make_attribute(name, value))
