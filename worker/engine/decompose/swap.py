"""A row of factors in the place of a layer, in the graph."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from worker.engine.decompose.names import factor_name
from worker.engine.decompose.row import Factor
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.site import Reader, Site
from worker.engine.onnx_file.spill import Spill

SAME = (b"SAME_UPPER", b"SAME_LOWER")


class Swap:
    """Puts rows into `model`, in place; large weights go to `spill`. Sites must be those of
    this very model, and `finish` ends it."""

    def __init__(self, model: onnx.ModelProto, spill: Spill) -> None:
        self._graph = model.graph
        self._constants = initializers(model)
        self._spill = spill
        self._before: dict[int, list[onnx.NodeProto]] = {}

    def put(self, site: Site, row: Sequence[Factor]) -> None:
        """The last factor takes over the layer's id, its nodes' names and outputs, bias, alpha
        and beta; the nodes of the others come before it."""
        *early, last = row
        names = []
        for place, factor in enumerate(early, start=1):
            names.append(factor_name(self._graph, site.name, place))
            self._graph.initializer.append(self._spill.tensor(names[-1], factor.weight))
        kept = self._constants[site.name]
        kept.CopyFrom(self._spill.tensor(site.name, last.weight))
        for reader in site.readers:
            self._before[reader.number] = self._chain(site, reader, row, names)

    def finish(self) -> None:
        """Put the new nodes where they belong."""
        nodes = []
        for number, node in enumerate(self._graph.node):
            nodes += [*self._before.get(number, ()), node]
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del self._graph.node[:]
        self._graph.node.extend(copies)

    def _chain(
        self, site: Site, reader: Reader, row: Sequence[Factor], names: Sequence[str]
    ) -> list[onnx.NodeProto]:
        """New nodes before that of `reader`, which becomes the last one."""
        last, found = reader.node, []
        original = onnx.NodeProto()
        original.CopyFrom(last)
        inner = 1 - reader.place
        value = last.input[inner]
        for place, (name, factor) in enumerate(zip(names, row, strict=False), start=1):
            node = onnx.NodeProto(op_type=last.op_type, domain=last.domain)
            node.name = last.name and f"{last.name}.factor{place}"
            node.input.extend([name, value] if inner else [value, name])
            value = factor_name(self._graph, last.output[0], place)
            node.output.append(value)
            node.attribute.extend(_attributes(original, site, factor))
            found.append(node)
        last.input[inner] = value
        if site.form == "convolution":
            del last.attribute[:]
            last.attribute.extend(_attributes(original, site, row[-1]))
        return found


def _attributes(node: onnx.NodeProto, site: Site, factor: Factor) -> list[onnx.AttributeProto]:
    """Of a factor that is not the last, and of every factor of a convolution."""
    if site.form != "convolution":
        return [a for a in node.attribute if a.name == "transB"]
    axes = range(len(site.shape) - 2)
    said = {a.name: helper.get_attribute_value(a) for a in node.attribute}

    def mine(name: str, otherwise: int) -> list[int]:
        values = said.get(name, [otherwise] * len(axes))
        return [int(values[axis]) if axis in factor.axes else otherwise for axis in axes]

    made = {
        "kernel_shape": list(factor.weight.shape[2:]),
        "strides": mine("strides", 1),
        "dilations": mine("dilations", 1),
        "group": factor.groups,
    }
    if said.get("auto_pad") in SAME and factor.axes:
        made["auto_pad"] = said["auto_pad"]
    elif pads := said.get("pads"):
        half = np.reshape(pads, (2, -1))
        made["pads"] = [
            int(half[end, axis]) if axis in factor.axes else 0
            for end in (0, 1)
            for axis in axes
        ]
    return [helper.make_attribute(name, value) for name, value in made.items()]
