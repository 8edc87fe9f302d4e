"""Sizes written into a graph as the second input of a Reshape, Expand or Split."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from lathe.errors import StepImpossible
from lathe.facts import Dim
from worker.engine.graph.uses import producers
from worker.engine.onnx_file.array import array
from worker.engine.view.source import stored

Entries = list[int | None]


class ShapeVectors:
    """The vectors of `model`, which is edited; a vector that others read is never changed."""

    def __init__(self, model: onnx.ModelProto, shapes: Mapping[str, tuple[Dim, ...]]) -> None:
        self.graph = model.graph
        self.tensors = stored(model)
        self.makers = producers(model.graph)
        self.shapes = shapes
        self.fitted_before: dict[tuple[str, tuple[tuple[int, int], ...]], str] = {}

    def fitted(self, name: str, wanted: Sequence[int], skipped: set[int]) -> str:
        """The name of a vector whose written sizes are the wanted ones: `name` where they
        already are. Sizes in `skipped` have a meaning of their own and stay."""
        entries = self.entries(name)
        offset = len(wanted) - len(entries)  # Expand may name the last axes only
        changes = {
            place: wanted[place + offset]
            for place, size in enumerate(entries)
            if size is not None and size not in skipped and size != wanted[place + offset]
        }
        return self._changed(name, changes) if changes else name

    def entries(self, name: str) -> Entries:
        """Sizes that are written down; None for those that are computed."""
        if name in self.tensors:
            return [int(size) for size in array(self.tensors[name]).reshape(-1)]
        maker = self.makers.get(name)
        if maker is not None and maker.op_type == "Concat":
            return [size for part in maker.input for size in self.entries(part)]
        (length,) = self.shapes.get(name, (None,))
        if not isinstance(length, int):
            raise StepImpossible(f"the sizes in {name!r} cannot follow the pruned layers")
        return [None] * length

    def _changed(self, name: str, changes: dict[int, int]) -> str:
        key = (name, tuple(sorted(changes.items())))
        if key not in self.fitted_before:
            if name in self.tensors:
                self.fitted_before[key] = self._constant(name, changes)
            else:
                self.fitted_before[key] = self._concat(name, changes)
        return self.fitted_before[key]

    def _constant(self, name: str, changes: dict[int, int]) -> str:
        sizes = array(self.tensors[name]).copy()
        for place, size in changes.items():
            sizes.reshape(-1)[place] = size
        new = self._free(name)
        self.tensors[new] = self.graph.initializer.add()
        self.tensors[new].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(sizes), new))
        return new

    def _concat(self, name: str, changes: dict[int, int]) -> str:
        """A second Concat beside the first, with other constants among its parts."""
        maker = self.makers[name]
        parts, start = [], 0
        for part in maker.input:
            length = len(self.entries(part))
            mine = {k - start: v for k, v in changes.items() if start <= k < start + length}
            parts.append(self._changed(part, mine) if mine else part)
            start += length
        new = self._free(name)
        node = helper.make_node("Concat", parts, [new], name=new, axis=0)
        place = next(k for k, other in enumerate(self.graph.node) if name in other.output)
        self.graph.node.insert(place + 1, node)
        self.makers[new] = self.graph.node[place + 1]
        return new

    def _free(self, name: str) -> str:
        stem, count = re.sub(r"/\d+$", "", name), 1  # or a name would grow with every step
        while f"{stem}/{count}" in self.tensors or f"{stem}/{count}" in self.makers:
            count += 1
        return f"{stem}/{count}"
