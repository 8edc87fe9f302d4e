"""Which value of a compressed graph stands for a layer's output in the original graph.

Lowering keeps the names of float values and calls the integers of `v` `v_quantized`. It
drops an activation that the integers' range already clips, so `v` then stands for the
activation's output. A re-export renames inner values, but not the weights: there the node
that reads the weight is found, and its output taken.
"""

from dataclasses import dataclass

from worker.engine.run.stored import LOWERED, Stored

CLIPPING = {"Relu", "Clip"}
INTEGER_OUTPUT = {  # operator -> inputs that hold scale and zero point of its output
    "QuantizeLinear": (1, 2),
    "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7),
    "QGemm": (7, 8),
    "QLinearAdd": (6, 7),
    "QLinearMul": (6, 7),
    "QLinearSigmoid": (3, 4),
    "QLinearLeakyRelu": (3, 4),
}
FLOAT_LAYERS = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Gather"}


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A value of the original and the one that replaces it. Integers carry the names of the
    constants that scale them: x = scale (q - zero_point)."""

    original: str
    compressed: str
    scale: str | None = None
    zero_point: str | None = None


def counterpart(layer: str, original: Stored, compressed: Stored) -> Counterpart | None:
    """For one layer id; None where no value of the compressed graph can be named."""
    weight = original.weight(layer)
    node = None if weight is None else original.reader(weight.name)
    if node is None:
        return None
    value = node.output[0]
    clipped = _clipped(original, value)
    for name in (clipped, value):
        if name is not None and (found := _found(name, compressed)) is not None:
            return _scaled(clipped or value, found, compressed)
    renamed = compressed.weight(layer)
    reader = None if renamed is None else compressed.reader(renamed.name)
    if reader is None or reader.op_type not in FLOAT_LAYERS:
        return None
    return Counterpart(value, reader.output[0])


def _clipped(graph: Stored, value: str) -> str | None:
    """The output of the activation that alone reads `value`."""
    readers = graph.read_by.get(value, [])
    if len(readers) == 1 and readers[0].op_type in CLIPPING:
        output: str = readers[0].output[0]
        return output
    return None


def _found(name: str, graph: Stored) -> str | None:
    """The value under its name or as integers, made by a node of the graph."""
    return next((n for n in (name, name + LOWERED) if n in graph.made_by), None)


def _scaled(original: str, compressed: str, graph: Stored) -> Counterpart | None:
    node = graph.made_by[compressed]
    if not compressed.endswith(LOWERED) or node.op_type == "DequantizeLinear":
        return Counterpart(original, compressed)
    places = INTEGER_OUTPUT.get(node.op_type)
    if places is None or len(node.input) <= max(places):
        return None
    scale, zero_point = (node.input[place] for place in places)
    return Counterpart(original, compressed, scale, zero_point)
