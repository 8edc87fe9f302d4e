"""What a layer becomes in the graph: tensors, nodes before the others, nodes exchanged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from worker.engine.onnx_file.place import is_mapped, place_of
from worker.engine.onnx_file.spill import Spill


@dataclass(slots=True)
class Parts:
    """The pieces of one weight, named after it; nothing is in the graph yet.

    `shared` are small constants of all layers, by what they hold; `taken` the names that are
    in use. `instead` holds the nodes that take the place of a reader, by its number.
    """

    weight: str
    taken: set[str]
    shared: dict[str, onnx.TensorProto]
    spill: Spill
    tensors: list[onnx.TensorProto] = field(default_factory=list)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    instead: dict[int, list[onnx.NodeProto]] = field(default_factory=dict)

    def tensor(self, role: str, values: NDArray[np.generic]) -> str:
        """A new constant; large ones go to the spill."""
        made = self.spill.tensor(self.name(role), np.ascontiguousarray(values))
        self.tensors.append(made)
        return str(made.name)

    def node(self, operator: str, inputs: Sequence[str], role: str, **said: Any) -> str:
        """A node before all others; the name of its value."""
        name = self.name(role)
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **said))
        return name

    def last(self, operator: str, inputs: Sequence[str], output: str) -> None:
        """The node that makes the value `output`, which is there already as a constant."""
        self.nodes.append(helper.make_node(operator, list(inputs), [output]))

    def bytes(self, values: Sequence[int]) -> str:
        """A constant (n,) of uint8 that layers share."""
        return self._shared("bytes", np.array(values, np.uint8))

    def shape(self, values: Sequence[int]) -> str:
        """A constant (n,) of int64 that layers share."""
        return self._shared("shape", np.array(values, np.int64))

    def name(self, role: str) -> str:
        """A name that nothing has yet, `weight_role` if that is free."""
        wanted = name = f"{self.weight}_{role}"
        number = 1
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name

    def size_bytes(self) -> int:
        """Bytes of the new tensors and nodes in the file, shared constants left out."""
        data = sum(tensor_bytes(tensor) for tensor in self.tensors)
        added = [node for nodes in self.instead.values() for node in nodes]
        return data + sum(int(node.ByteSize()) for node in (*self.nodes, *added))

    def _shared(self, kind: str, values: NDArray[np.generic]) -> str:
        name = f"{kind}_{'_'.join(map(str, values.tolist()))}"
        if name not in self.shared:
            free, number = name, 1
            while free in self.taken:
                free, number = f"{name}_{number}", number + 1
            self.taken.add(free)
            self.shared[name] = numpy_helper.from_array(values, free)
        return str(self.shared[name].name)


def tensor_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes of a constant in the file, about: with its name and dims."""
    data_bytes = place_of(tensor).size_bytes if is_mapped(tensor) else 0
    return int(tensor.ByteSize()) + data_bytes
