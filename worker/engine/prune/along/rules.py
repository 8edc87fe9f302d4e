"""How an axis goes through operators that move numbers or change each by itself.

Each rule takes a node and one axis of one of its values, along which units lie, and tells
the axes of its other values along which they must then lie as well. It raises NotCuttable
where the operator mixes the positions of the axis.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import onnx

from worker.engine.prune.along.coupled import Along, NotCuttable, Units
from worker.engine.prune.along.net import Dims, Net, integer, integers
from worker.engine.prune.coupling import ELSEWHERE


def elementwise(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """With broadcasting: axes are counted from the last, and an axis of size 1 is free."""
    yield from broadcast((*node.input, *node.output), along, net)


def expand(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Broadcasting of the first input; the sizes are no tensor with axes of its own."""
    yield from broadcast((node.input[0], node.output[0]), along, net)


def broadcast(names: Sequence[str], along: Along, net: Net, keep: int = 0) -> Iterator[Along]:
    """The axis as far from the last in each of `names`, but for the last `keep` axes."""
    back = len(net.shape(along.value)) - along.axis
    if back <= keep:
        return
    for name in filter(None, names):
        dims = net.shape(name)
        if len(dims) >= back and dims[-back] != 1:
            yield Along(name, len(dims) - back, along.unit)


def transpose(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """out[k] = in[perm[k]]."""
    axes = list(reversed(range(len(net.shape(along.value)))))
    order = integers(node, "perm") or axes
    if along.value == node.input[0]:
        yield Along(node.output[0], order.index(along.axis), along.unit)
    else:
        yield Along(node.input[0], order[along.axis], along.unit)


def reshape(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Reshape, Flatten, Squeeze, Unsqueeze: numbers stay in their order."""
    other = node.output[0] if along.value == node.input[0] else node.input[0]
    before, after = net.shape(along.value), net.shape(other)
    axis, unit = reshaped(before, after, along.axis, along.unit)
    yield Along(other, axis, unit)


def reshaped(before: Dims, after: Dims, axis: int, unit: Units) -> tuple[int, Units]:
    """Where the units along `axis` of a tensor of dims `before` lie in dims `after`.

    Equal dims at both ends stay as they are; between them sizes must be known. Raises
    NotCuttable where a unit is not one stretch of indices of one axis.
    """
    head = _equal(before, after)
    tail = _equal(before[head:][::-1], after[head:][::-1])
    if axis < head:
        return axis, unit
    if axis >= len(before) - tail:
        return axis + len(after) - len(before), unit
    inner, outer = before[head : len(before) - tail], after[head : len(after) - tail]
    sizes = [size for size in inner if isinstance(size, int)]
    made = [size for size in outer if isinstance(size, int)]
    known = len(sizes) == len(inner) and len(made) == len(outer)
    if not known or math.prod(sizes) != math.prod(made):
        raise NotCuttable("a reshape joins them with an axis of unknown size")
    shape = [len(unit) if k == axis - head else 1 for k in range(len(inner))]
    grid = np.broadcast_to(unit.reshape(shape), sizes).reshape(made)
    told = [k for k in range(len(made)) if (grid != grid.take([0], axis=k)).any()]
    if len(told) != 1:
        raise NotCuttable("a reshape spreads them over several axes")
    return head + told[0], np.moveaxis(grid, told[0], 0).reshape(made[told[0]], -1)[:, 0]


def softmax(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Each row by itself."""
    if along.axis == integer(node, "axis", -1) % len(net.shape(along.value)):
        raise NotCuttable(f"{node.op_type} compares them")
    yield from expand(node, along, net)


def layer_norm(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Each row by itself; along the last axis all are heard, and scaled one by one."""
    data, out = node.input[0], node.output[0]
    rank = len(net.shape(data))
    normalised = rank - integer(node, "axis", -1) % rank  # so many of the last axes
    if len(net.shape(along.value)) - along.axis > normalised:
        yield from expand(node, along, net)
    elif normalised > 1:
        raise NotCuttable(f"{node.op_type} normalises over other axes with them")
    else:
        yield Along(data, rank - 1, along.unit, heard=True)
        yield from broadcast((*node.input[1:], out), along, net)


def reduction(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """ReduceMean and the like; over other axes they are passed on."""
    data, out = node.input[0], node.output[0]
    gone, kept = reduced(node, net)
    if along.value == out:
        yield Along(data, kept[along.axis], along.unit)
    elif along.axis in gone:
        yield Along(data, along.axis, along.unit, heard=True)
    elif along.value == data:
        yield Along(out, kept.index(along.axis), along.unit)


def reduced(node: onnx.NodeProto, net: Net) -> tuple[set[int], list[int]]:
    """The axes of the input that a reduction goes over, and which one each axis of its output
    is."""
    rank = len(net.shape(node.input[0]))
    given = integers(node, "axes")
    if given is None and len(node.input) > 1 and node.input[1]:
        given = net.integers(node.input[1])
    gone = {axis % rank for axis in given} if given else set(range(rank))
    all_stay = bool(integer(node, "keepdims", 1))
    return gone, [axis for axis in range(rank) if all_stay or axis not in gone]


def gather(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Along the axes that nothing is chosen from."""
    data, index = node.input[:2]
    axis = integer(node, "axis") % len(net.shape(data))
    more = len(net.shape(index)) - 1
    if along.value == data and along.axis != axis:
        yield Along(node.output[0], along.axis + (more if along.axis > axis else 0), along.unit)
    elif along.value == node.output[0] and not axis <= along.axis <= axis + more:
        yield Along(data, along.axis - (more if along.axis >= axis else 0), along.unit)
    else:
        raise NotCuttable("Gather chooses among them")


def slice_(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Along the axes that are not sliced."""
    rank = len(net.shape(along.value))
    starts = net.shape(node.input[1])[0]
    if len(node.input) > 3 and node.input[3]:  # noqa: PLR2004 - the place of axes
        axes = net.integers(node.input[3])
    else:
        axes = list(range(starts if isinstance(starts, int) else rank))
    if along.axis in {axis % rank for axis in axes}:
        raise NotCuttable("Slice takes a part of them")
    yield from expand(node, along, net)


def concat(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Parts side by side, or each along another axis."""
    yield from _side_by_side(node.output[0], list(node.input), node, along, net)


def split(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """The inverse of Concat."""
    yield from _side_by_side(node.input[0], list(node.output), node, along, net)


def _side_by_side(
    whole: str, parts: list[str], node: onnx.NodeProto, along: Along, net: Net
) -> Iterator[Along]:
    axis = integer(node, "axis") % len(net.shape(whole))
    if along.axis != axis:
        yield from (Along(name, along.axis, along.unit) for name in (whole, *parts) if name)
        return
    sizes = [net.shape(name)[axis] for name in parts]
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) < len(sizes):
        raise NotCuttable(f"{node.op_type} joins parts of unknown size")
    ends = np.cumsum(known)
    pieces = list(zip(parts, (ends - known).tolist(), ends.tolist(), strict=True))
    if along.value == whole:
        found = (Along(name, axis, along.unit[start:end]) for name, start, end in pieces)
        yield from (one for one in found if (one.unit != ELSEWHERE).any())
    for name, start, end in pieces:
        if name == along.value:
            unit = np.full(ends[-1], ELSEWHERE, np.int64)
            unit[start:end] = along.unit
            yield Along(whole, axis, unit)


def _equal(one: Dims, other: Dims) -> int:
    """How many leading dims are known to be equal."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a is None or a != b:
            break
        count += 1
    return count
