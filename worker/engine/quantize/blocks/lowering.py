"""Quantized weights in the place of float ones, where that makes the file smaller."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import onnx
from onnx import helper

from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.spill import Spill
from worker.engine.quantize.blocks.chosen import Kernel, Layer, container
from worker.engine.quantize.blocks.grid import Floats, Quantized
from worker.engine.quantize.blocks.kernels import DOMAIN, looked_up, multiplied
from worker.engine.quantize.blocks.parts import Parts, tensor_bytes
from worker.engine.quantize.blocks.unpacking import widened


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one weight. Bytes are those in the ONNX file, with the nodes that are
    new; `error` and `energy` are sums of squares of w - w' and of w."""

    layer: str
    name: str
    kernel: Kernel
    bits: int
    width: int
    bytes_before: int
    bytes_after: int
    error: float
    energy: float


@dataclass(slots=True)
class Lowering:
    """A float model whose weights are exchanged one after the other, in place.

    The graph's nodes keep their places until `finish`. `done` are the weights exchanged,
    `larger` the names of those that would have taken more bytes as integers.
    """

    model: onnx.ModelProto
    arithmetic: Literal["float", "int8"]
    spill: Spill
    done: list[Done] = field(default_factory=list)
    larger: list[str] = field(default_factory=list)
    _floats: dict[str, onnx.TensorProto] = field(init=False)
    _taken: set[str] = field(init=False)
    _shared: dict[str, onnx.TensorProto] = field(default_factory=dict)
    _parts: list[Parts] = field(default_factory=list)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self._floats = initializers(self.model)
        self._taken = {*self._floats, *(v.name for v in (*graph.input, *graph.output))}
        self._taken |= {n for node in graph.node for n in (*node.input, *node.output)}

    def put(self, layer: Layer, weight: Floats, quantized: Quantized) -> None:
        """Exchange one weight (rows, columns)."""
        levels = quantized.scales.levels
        parts = Parts(layer.name, self._taken, self._shared, self.spill)
        self._build(layer, in_container(quantized), container(levels.bits), parts)
        before = tensor_bytes(self._floats[layer.name])
        before += sum(
            r.node.ByteSize() for r in layer.site.readers if r.number in parts.instead
        )
        if parts.size_bytes() >= before:
            self.larger.append(layer.name)
            return
        self._parts.append(parts)
        lost = (weight - quantized.values).astype(np.float64)
        energy = float(np.vdot(weight, weight))
        self.done.append(
            Done(
                layer.layer,
                layer.name,
                layer.kernel,
                levels.bits,
                quantized.scales.width,
                before,
                parts.size_bytes(),
                float(np.vdot(lost, lost)),
                energy,
            )
        )

    def finish(self) -> None:
        """Put every new node and tensor where it belongs."""
        graph = self.model.graph
        instead = {n: nodes for parts in self._parts for n, nodes in parts.instead.items()}
        nodes = [node for parts in self._parts for node in parts.nodes]
        for number, node in enumerate(graph.node):
            nodes.extend(instead.get(number, [node]))
        nodes = [_copy(node) for node in nodes]
        gone = {parts.weight for parts in self._parts}
        read = {name for node in nodes for name in node.input}
        kept = [tensor for tensor in graph.initializer if tensor.name not in gone]
        kept += [tensor for parts in self._parts for tensor in parts.tensors]
        kept += [tensor for tensor in self._shared.values() if tensor.name in read]
        del graph.node[:], graph.initializer[:]
        graph.node.extend(nodes)
        graph.initializer.extend(kept)
        imported = any(entry.domain == DOMAIN for entry in self.model.opset_import)
        if not imported and any(node.domain == DOMAIN for node in nodes):
            self.model.opset_import.append(helper.make_opsetid(DOMAIN, 1))

    def _build(self, layer: Layer, quantized: Quantized, bits: int, parts: Parts) -> None:
        match layer.kernel:
            case "MatMulNBits":
                vectors = {n: t.dims[0] for n, t in self._floats.items() if len(t.dims) == 1}
                multiplied(
                    layer, quantized, bits, parts, arithmetic=self.arithmetic, vectors=vectors
                )
            case "GatherBlockQuantized":
                looked_up(layer, quantized, bits, parts)
            case "none":
                widened(layer, quantized, bits, parts)


def in_container(quantized: Quantized) -> Quantized:
    """The same values in codes of the file's width: symmetric ones keep zero in the middle."""
    scales = quantized.scales
    bits = container(scales.levels.bits)
    if bits == scales.levels.bits or not scales.levels.symmetric:
        return quantized
    levels = replace(scales.levels, bits=bits)
    moved = levels.middle - scales.levels.middle
    wider = replace(scales, levels=levels, zero=scales.zero + np.float32(moved))
    return Quantized(quantized.codes + np.uint8(moved), wider)


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    """A node of its own: those of a graph vanish with the graph's list."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy
