"""How heads lie along the tensors of Attention and RotaryEmbedding (opset 23).

    Q, Y (B, L, q D) and K, V (B, L, kv D), or with heads apart (B, q, L, D), (B, kv, L, D);
    caches and present keys (B, kv, L, D); a mask (.., q or 1, L, L); scores (B, q, L, L)

q = r kv: r heads of Q share one of K and V, and go together. RotaryEmbedding turns each head
of X (B, L, heads D) or (B, heads, L, D) by itself.
"""

from collections.abc import Iterator

import numpy as np
import onnx

from worker.engine.prune.along.coupled import Along, NotCuttable, Units
from worker.engine.prune.along.net import Net, integer

MERGED = 3  # axes of (B, L, heads D)
Q, K, V, MASK = 0, 1, 2, 3
CACHES, NOT_KNOWN = (4, 5), 6
HEADS_AXIS = 1


def attention(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """All tensors of the node, from the heads along one of them."""
    places = list(_places(node, net))
    here = next((heads for name, axis, heads in places if (name, axis) == along.place), None)
    if here is None:
        raise NotCuttable("Attention mixes them")
    rows = along.unit.reshape(here, -1)
    if (rows != rows[:, :1]).any():
        raise NotCuttable("they are parts of heads")
    for name, axis, heads in places:
        size = net.shape(name)[axis]
        if not isinstance(size, int):
            raise NotCuttable(f"the sizes of {name} are unclear")
        yield Along(name, axis, np.repeat(_shared(rows[:, 0], heads), size // heads))


def rotary(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Input and output alike; tables of angles have no heads."""
    merged = len(net.shape(node.input[0])) == MERGED
    heads = integer(node, "num_heads") if merged else len(along.unit)
    rows = along.unit.reshape(heads, -1) if heads else along.unit[:, None]
    across = along.value not in {node.input[0], node.output[0]}
    if across or along.axis != (2 if merged else HEADS_AXIS) or (rows != rows[:, :1]).any():
        raise NotCuttable("RotaryEmbedding mixes them")
    yield from (Along(v, along.axis, along.unit) for v in (node.input[0], node.output[0]))


def heads_of(node: onnx.NodeProto, net: Net) -> tuple[int, int]:
    """How many heads Q has, and K and V."""
    shapes = [net.shape(node.input[place]) for place in (Q, K)]
    if len(shapes[0]) == MERGED:
        return integer(node, "q_num_heads"), integer(node, "kv_num_heads")
    q, kv = (shape[HEADS_AXIS] for shape in shapes)
    if not isinstance(q, int) or not isinstance(kv, int):
        raise NotCuttable("the number of heads is unknown")
    return q, kv


def _places(node: onnx.NodeProto, net: Net) -> Iterator[tuple[str, int, int]]:
    """Value, axis and number of heads along it, of each tensor that heads lie along."""
    q, kv = heads_of(node, net)
    axis = 2 if len(net.shape(node.input[Q])) == MERGED else HEADS_AXIS
    if len(node.input) > NOT_KNOWN and node.input[NOT_KNOWN]:
        raise NotCuttable("Attention has lengths of keys")
    yield from ((name, axis, q) for name in (node.input[Q], node.output[0]))
    yield from ((node.input[place], axis, kv) for place in (K, V))
    caches = [*(node.input[place] for place in CACHES if place < len(node.input))]
    yield from ((name, HEADS_AXIS, kv) for name in (*caches, *node.output[1:3]) if name)
    yield from ((name, HEADS_AXIS, q) for name in node.output[3:] if name)
    if len(node.input) > MASK and node.input[MASK]:
        dims = net.shape(node.input[MASK])
        if len(dims) >= MERGED and dims[-MERGED] != 1:
            yield node.input[MASK], len(dims) - MERGED, q


def _shared(unit: Units, heads: int) -> Units:
    """The units (heads,) of one kind of heads from those of the other."""
    if heads >= len(unit):
        return np.repeat(unit, heads // len(unit))
    rows = unit.reshape(heads, -1)
    if (rows != rows[:, :1]).any():
        raise NotCuttable("several heads share keys and values")
    return rows[:, 0]
