"""Where a graph has attention heads.

Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", arXiv:1706.03762)
as exporters write it: a Softmax over the last axis of scores (B, heads, queries, keys), from
which everything else of the heads is followed; and the operator Attention of opset 23. Where
heads share keys and values (Ainslie et al., "GQA", arXiv:2305.13245), the fewest neighbours
that can go together are one unit.
"""

from collections.abc import Collection, Iterator

import numpy as np
import onnx

from worker.engine.prune.along.attention import HEADS_AXIS, MERGED, Q, heads_of
from worker.engine.prune.along.coupled import Along, Coupled, NotCuttable
from worker.engine.prune.along.net import Net, integer
from worker.engine.prune.along.search import Found, search
from worker.engine.prune.along.walk import spread

SCORES_RANK = 4  # (B, heads, queries, keys)


def attention_heads(model: onnx.ModelProto, protect: Collection[str]) -> Found:
    """The heads of every attention of `model`, one group a layer, named by the weight that
    reads them; layers that share their weights are one group.

    Raises UnknownLayer for a protected layer that the model does not have.
    """
    return search(model, ("Softmax", "Attention"), _heads, protect)


def _heads(node: onnx.NodeProto, net: Net) -> Coupled:
    """The heads at one Softmax or Attention; raises NotCuttable for those of the fewest
    neighbours."""
    heads, value, axis, size = _axis(node, net)
    if heads == 1:
        raise NotCuttable("it has one head")
    first: NotCuttable | None = None
    for together in _divisors(heads):
        unit = np.repeat(np.arange(heads) // together, size // heads)
        try:
            group = spread(value, heads // together, [Along(value, axis, unit)], net)
        except NotCuttable as reason:
            first = first or reason
        else:
            readers = [along.value for along in group.readers]
            return Coupled(readers[0], group.units, group.weights, group.values)
    raise first or NotCuttable("it has one head")


def _axis(node: onnx.NodeProto, net: Net) -> tuple[int, str, int, int]:
    """How many heads there are, and a value with its axis and size along which they lie."""
    value = node.input[Q] if node.op_type == "Attention" else node.output[0]
    dims = net.shape(value)
    if node.op_type == "Attention":
        axis = len(dims) - 1 if len(dims) == MERGED else HEADS_AXIS
    elif len(dims) < SCORES_RANK or integer(node, "axis", -1) not in {-1, len(dims) - 1}:
        raise NotCuttable("its scores have no axis of heads")
    else:
        axis = len(dims) - 3
    size = dims[axis]
    if not isinstance(size, int):
        raise NotCuttable("the number of its heads is unknown")
    heads = heads_of(node, net)[0] if node.op_type == "Attention" else size
    return heads, value, axis, size


def _divisors(heads: int) -> Iterator[int]:
    """How many heads may be one unit, so that there are two units at least."""
    yield from (n for n in range(1, heads) if heads % n == 0)
