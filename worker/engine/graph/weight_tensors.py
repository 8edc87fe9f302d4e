"""The weight tensors of a model's layers: what pruning and sharing change, biases left out."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import onnx

from lathe.errors import UnknownLayer
from worker.engine.graph.initializers import initializers
from worker.engine.graph.layers import layers
from worker.engine.graph.parameters import FLOATS

RECURRENT = {"LSTM", "GRU", "RNN"}
TABLE = "Gather"
MATRIX_RANK = 2


@dataclass(frozen=True, slots=True)
class WeightTensor:
    """A float tensor of at least two axes. `layer` is the id of the layer it belongs to, whose
    weight it is itself but for the recurrent weight R of an LSTM, GRU or RNN."""

    name: str
    layer: str
    tensor: onnx.TensorProto


def weight_tensors(
    model: onnx.ModelProto, protect: Collection[str], *, embeddings: bool
) -> list[WeightTensor]:
    """In graph order, each once; not copies. Tables that rows are read from are among them
    with `embeddings`, the layers `protect` never are.

    Raises UnknownLayer for a protected layer that the model does not have.
    """
    found = layers(model)
    unknown = set(protect) - {layer.id for layer in found}
    if unknown:
        raise UnknownLayer(
            f"the model has no layer {min(unknown)!r}; it has "
            f"{', '.join(sorted(layer.id for layer in found))}",
            param="protect",
        )
    tensors = initializers(model)
    chosen: dict[str, WeightTensor] = {}
    for layer in found:
        if layer.id in protect or (layer.operator == TABLE and not embeddings):
            continue
        for name in (layer.id, *_recurrent(model, layer.id)):
            tensor = tensors.get(name)
            if tensor is not None and _is_weight(tensor):
                chosen.setdefault(name, WeightTensor(name, layer.id, tensor))
    return list(chosen.values())


def _recurrent(model: onnx.ModelProto, layer: str) -> Iterator[str]:
    for node in model.graph.node:
        if node.op_type in RECURRENT and node.input[1] == layer:
            yield node.input[2]


def _is_weight(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type in FLOATS and len(tensor.dims) >= MATRIX_RANK and all(tensor.dims)
