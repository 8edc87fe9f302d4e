"""Biases of Gemms in the one shape that onnxruntime's quantizer reads.

    Y (M, N) = A B + beta C        C of any shape that broadcasts to (M, N)

As a bias the quantizer (onnxruntime 1.31) takes C (N,) alone: with (1, N) and with one number
for all it ends in a ValueError or an IndexError. A C with several rows is added in floats, as
one that is computed is.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers
from worker.engine.onnx_file.array import array
from worker.engine.optimize.names import fresh

B, C = 1, 2
MATRIX_RANK = 2


def row_biases(model: onnx.ModelProto) -> None:
    """Make every constant C of a Gemm with a constant B a row (N,), in place, or computed where
    it has more rows. A tensor that others read, too, stays beside its copy."""
    graph = model.graph
    constants, readers = initializers(model), consumers(graph)
    for node in list(graph.node):
        names = node.input
        if node.op_type != "Gemm" or len(names) <= C or not {*names[B:]} <= constants.keys():
            continue
        name, bias = names[C], constants[names[C]]
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        width = constants[names[B]].dims[0 if transposed else 1]
        if list(bias.dims) == [width]:
            continue
        alone = len(readers[name]) == 1 and list(names).count(name) == 1
        if len(bias.dims) == MATRIX_RANK and bias.dims[0] > 1:
            node.input[C] = fresh(graph, f"{name}_computed")
            place = next(k for k, n in enumerate(graph.node) if n.output == node.output)
            graph.node.insert(place, helper.make_node("Identity", [name], [node.input[C]]))
            continue
        row = np.broadcast_to(np.reshape(array(bias), -1), (width,))
        node.input[C] = name if alone else fresh(graph, f"{name}_row")
        tensor = numpy_helper.from_array(np.ascontiguousarray(row), node.input[C])
        if alone:
            bias.CopyFrom(tensor)
        else:
            graph.initializer.append(tensor)
