"""Where a graph has embeddings, and all that is as wide as they are.

A table (rows, width) gives each index a row of `width` numbers. What is added to them or joined
with them, such as positions, is coupled by its dimensions. In a transformer every residual
block adds to them, so that one dimension is a column of all tables, of what each block writes,
a row of what each block reads, and an entry of every normalisation: Xia, Zhong and Chen,
"Structured Pruning Learns Compact and Accurate Models", arXiv:2204.00408, section 3.1, the
masks of hidden dimensions. Of a product of two embeddings it is one term of the sum.

A normalisation over d of n dimensions takes mean and variance of these d:

    y = g (x - mean_d x) / sqrt(var_d x + epsilon) + b

so that what is left of the network computes another function than with zeros in their place;
epsilon stays. A sum with a written factor 1 / n, n, 1 / (n - 1) or n / (n - 1) gets that of d.
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import onnx

from worker.engine.graph.parameters import FLOATS
from worker.engine.graph.weight_tensors import MATRIX_RANK, TABLE
from worker.engine.prune.along.coupled import Along, Coupled, NotCuttable
from worker.engine.prune.along.net import Net, integer
from worker.engine.prune.along.search import Found, search
from worker.engine.prune.along.walk import spread


def embedding_widths(model: onnx.ModelProto, protect: Collection[str]) -> Found:
    """The dimensions of every embedding of `model`; tables whose dimensions go together are
    one group, named by the first.

    Raises UnknownLayer for a protected layer that the model does not have.
    """
    return search(model, (TABLE,), _dimensions, protect)


def _dimensions(node: onnx.NodeProto, net: Net) -> Coupled | None:
    """Of the table that the Gather `node` reads rows of; None where it reads no such table."""
    if not _reads_rows(node, net):
        return None
    table = node.input[0]
    width = net.constants[table].dims[1]
    if width == 1:
        raise NotCuttable("it has one dimension")
    start = Along(table, 1, np.arange(width))
    group = spread(table, width, [start], net, norms=True)
    return group if group.readers else _heard_as_tables(group, net)


def _heard_as_tables(group: Coupled, net: Net) -> Coupled:
    """The same with the tables as readers: where computed values alone are multiplied and
    added up, a mask of a dimension of a factor is one of its product."""
    tables = {node.input[0] for node in net.nodes if _reads_rows(node, net)}
    weights = (replace(along, heard=along.value in tables) for along in group.weights)
    return replace(group, weights=tuple(weights))


def _reads_rows(node: onnx.NodeProto, net: Net) -> bool:
    tensor = net.constants.get(node.input[0]) if node.op_type == TABLE else None
    if tensor is None or tensor.data_type not in FLOATS:
        return False
    return len(tensor.dims) == MATRIX_RANK and integer(node, "axis") % MATRIX_RANK == 0
