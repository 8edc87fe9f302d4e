"""Tables: constants that Gather reads rows of, such as embeddings."""

import onnx

from worker.engine.graph.initializers import initializers

RANK = 2
SMALLEST = 1024  # numbers; below that a table is a constant of the computation


def small_tables(model: onnx.ModelProto) -> list[str]:
    """Names of the Gather nodes whose constant is too small, or of another rank, to be worth
    storing as integers."""
    constants = initializers(model)
    found = []
    for node in model.graph.node:
        table = constants.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None:
            continue
        if len(table.dims) != RANK or table.dims[0] * table.dims[1] < SMALLEST:
            found.append(node.name)
    return found
