"""A layer's tensors inside one graph, however deep they are wrapped."""

import math
from collections.abc import Iterator

import onnx
from onnx import TensorProto

from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import SEEN_THROUGH
from worker.engine.graph.uses import consumers, producers

LOWERED = "_quantized"  # onnxruntime's quantizer calls the integers of W `W_quantized`
WIDENING = {"BitShift", "Mul", "Reshape", "Slice", "Sub"}  # from packed integers to floats
HALF_BYTES: set[int] = {TensorProto.INT4, TensorProto.UINT4}


class Stored:
    """Finds weights by layer id, and the nodes that read them."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.tensors = initializers(model)
        self.made_by = producers(model.graph)
        self.read_by = consumers(model.graph)

    def weight(self, layer: str) -> onnx.TensorProto | None:
        """The weight under its own name or as integers; None where it is gone."""
        return self.tensors.get(layer, self.tensors.get(layer + LOWERED))

    def reader(self, weight: str) -> onnx.NodeProto | None:
        """The first node that computes with the weight, past casts, dequantisation and what
        makes constants of constants."""
        for node in self.read_by.get(weight, []):
            if not self._passes_on(node):
                return node
            deeper = self.reader(node.output[0])
            if deeper is not None:
                return deeper
        return None

    def size_bytes(self, node: onnx.NodeProto) -> int:
        """Bytes of the constants that a node reads: weight, bias, and a scale a channel.
        Single numbers are left out; most are shared between nodes."""
        found = {tensor.name: tensor for tensor in self._constants(node)}
        return sum(
            math.ceil(math.prod(tensor.dims) * bits(tensor) / 8)
            for tensor in found.values()
            if math.prod(tensor.dims) > 1
        )

    def _constants(self, node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
        for name in node.input:
            if name in self.tensors:
                yield self.tensors[name]
            elif (maker := self.made_by.get(name)) and self._passes_on(maker):
                yield from self._constants(maker)

    def _passes_on(self, node: onnx.NodeProto) -> bool:
        """Whether what it makes of a weight is still the weight."""
        if node.op_type in WIDENING:
            return all(self._is_constant(name) for name in node.input)
        return node.op_type in SEEN_THROUGH

    def _is_constant(self, name: str) -> bool:
        if name in self.tensors:
            return True
        maker = self.made_by.get(name)
        known = maker is not None and maker.op_type in WIDENING | SEEN_THROUGH
        return maker is not None and known and all(map(self._is_constant, maker.input))


def bits(tensor: onnx.TensorProto) -> int:
    """Bits that one element takes in the file."""
    if tensor.data_type in HALF_BYTES:
        return 4
    return 8 * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
