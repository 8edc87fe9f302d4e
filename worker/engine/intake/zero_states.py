"""Recurrent layers that start from a constant zero state start from none: the same thing."""

import onnx

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import producers
from worker.engine.onnx_file.array import array

STATES = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}
KEEPS_ZERO = {
    "Expand", "Slice", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Identity", "Tile",
    "Cast", "Concat",
}  # fmt: skip


def drop_zero_states(model: onnx.ModelProto) -> None:
    """Clear initial states that are zero whatever the batch, in place.

    A zero state of a literal batch would tie the layer to that batch.
    """
    constants, made_by = initializers(model), producers(model.graph)

    def is_zero(name: str) -> bool:
        if name in constants:
            return not array(constants[name]).any()
        node = made_by.get(name)
        if node is None:
            return False
        if node.op_type == "ConstantOfShape":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            return value is None or not array(value).any()
        sources = node.input if node.op_type == "Concat" else node.input[:1]
        return node.op_type in KEEPS_ZERO and all(is_zero(source) for source in sources)

    for node in model.graph.node:
        for place in STATES.get(node.op_type, ()):
            if place < len(node.input) and node.input[place] and is_zero(node.input[place]):
                node.input[place] = ""
        while node.op_type in STATES and node.input and not node.input[-1]:
            node.input.pop()
