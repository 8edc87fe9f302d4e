"""The layers of a model: every node that owns a weight, by the weight's name."""

import math
from collections.abc import Mapping

import onnx

from lathe.facts import Dim, LayerSpec
from worker.engine.graph.initializers import initializers
from worker.engine.graph.macs import node_macs
from worker.engine.graph.parameters import FLOATS
from worker.engine.graph.shapes import shapes
from worker.engine.graph.uses import consumers, producers

SEEN_THROUGH = {"DequantizeLinear", "Cast", "Identity", "Transpose"}
WEIGHTS = {  # operator -> where its weight may be
    "Conv": (1,),
    "ConvTranspose": (1,),
    "Gemm": (1,),
    "MatMul": (1, 0),
    "LSTM": (1,),
    "GRU": (1,),
    "RNN": (1,),
    "Gather": (0,),
}
EXTRAS = {"Conv": (2,), "ConvTranspose": (2,), "Gemm": (2,), "LSTM": (2, 3, 7)}
EXTRAS |= {"GRU": (2, 3), "RNN": (2, 3)}
EMBEDDING_RANK = 2


def layers(model: onnx.ModelProto) -> tuple[LayerSpec, ...]:
    """Conv, ConvTranspose, Gemm, MatMul, LSTM, GRU, RNN with a constant weight, and Gather
    from a table, in graph order.

    `parameters` counts the weight, the recurrent weight and the bias (for MatMul the
    constant vector of an Add that follows it). Nodes that share a weight are one layer
    whose MACs are summed. Norms' scales and shifts are no layers of their own.
    """
    return tuple(_Reader(model).layers())


class _Reader:
    def __init__(self, model: onnx.ModelProto) -> None:
        self.nodes = model.graph.node
        self.constants = initializers(model)
        self.made_by = producers(model.graph)
        self.read_by = consumers(model.graph)
        self.known: Mapping[str, tuple[Dim, ...]] = shapes(model)

    def layers(self) -> list[LayerSpec]:
        found: dict[str, LayerSpec] = {}
        for node in self.nodes:
            weight = self.weight(node)
            if weight is None:
                continue
            cost = node_macs(node, self.known)
            if (twin := found.get(weight.name)) is not None:
                both = None if twin.macs is None or cost is None else twin.macs + cost
                found[weight.name] = twin.model_copy(update={"macs": both})
            else:
                found[weight.name] = LayerSpec(
                    id=weight.name,
                    operator=node.op_type,
                    weight_shape=tuple(weight.dims),
                    parameters=math.prod(weight.dims) + self.extras(node),
                    macs=cost,
                )
        return list(found.values())

    def weight(self, node: onnx.NodeProto) -> onnx.TensorProto | None:
        for place in WEIGHTS.get(node.op_type, ()):
            tensor = self.constant(node.input[place])
            if tensor is None or not tensor.dims:
                continue
            if node.op_type == "Gather" and not _is_table(tensor):
                continue
            return tensor
        return None

    def constant(self, name: str) -> onnx.TensorProto | None:
        """The initializer behind a value, seen through casts and dequantisation."""
        while name not in self.constants:
            node = self.made_by.get(name)
            if node is None or node.op_type not in SEEN_THROUGH:
                return None
            name = node.input[0]
        return self.constants[name]

    def extras(self, node: onnx.NodeProto) -> int:
        names = [node.input[k] for k in EXTRAS.get(node.op_type, ()) if k < len(node.input)]
        if node.op_type == "MatMul":
            names += self.added_vector(node.output[0])
        tensors = (self.constant(name) for name in names if name)
        return sum(math.prod(tensor.dims) for tensor in tensors if tensor is not None)

    def added_vector(self, value: str) -> list[str]:
        readers = self.read_by.get(value, [])
        if len(readers) != 1 or readers[0].op_type != "Add":
            return []
        constants = ((name, self.constant(name)) for name in readers[0].input if name != value)
        return [
            name for name, tensor in constants if tensor is not None and len(tensor.dims) == 1
        ]


def _is_table(tensor: onnx.TensorProto) -> bool:
    quantised = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}
    return len(tensor.dims) == EMBEDDING_RANK and tensor.data_type in FLOATS | quantised
