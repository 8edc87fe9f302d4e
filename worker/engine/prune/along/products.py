"""How an axis goes through matrix products.

    Y[..., m, n] = sum_k A[..., m, k] B[..., k, n]

Units along k are heard through the product: where one factor is a constant, its rows or columns
are the units' weights. Units along m, n or the axes before them are passed on.
"""

from collections.abc import Iterator

import onnx

from worker.engine.prune.along.coupled import Along, NotCuttable
from worker.engine.prune.along.net import Net, integer
from worker.engine.prune.along.rules import broadcast

MATRIX = 2
BIAS = 2


def matmul(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """MatMul of any ranks."""
    names = (node.input[0], node.input[1], node.output[0])
    ranks = [len(net.shape(name)) for name in names]
    if min(ranks[:2]) < MATRIX:
        raise NotCuttable("MatMul with a vector")
    yield from broadcast(names, along, net, keep=MATRIX)
    yield from _product(names, tuple((r - 2, r - 1) for r in ranks), along, net)


def gemm(node: onnx.NodeProto, along: Along, net: Net) -> Iterator[Along]:
    """Gemm with its transposes and its bias, which is broadcast."""
    a, b, y = node.input[0], node.input[1], node.output[0]
    axes = (
        (1, 0) if integer(node, "transA") else (0, 1),
        (1, 0) if integer(node, "transB") else (0, 1),
        (0, 1),
    )
    yield from _product((a, b, y), axes, along, net)
    if len(node.input) > BIAS and along.value in {node.input[BIAS], y}:
        yield from broadcast((node.input[BIAS], y), along, net)


def _product(
    names: tuple[str, str, str],
    axes: tuple[tuple[int, int], ...],
    along: Along,
    net: Net,
) -> Iterator[Along]:
    """Rows and columns of A, B and Y stand at the `axes` of each."""
    a, b, y = names
    (a_rows, a_columns), (b_rows, b_columns), (y_rows, y_columns) = axes
    passed_on = (((a, a_rows), (y, y_rows)), ((b, b_columns), (y, y_columns)))
    for one, other in passed_on:
        if along.place == one:
            yield Along(*other, along.unit)
        elif along.place == other:
            yield Along(*one, along.unit)
    inner = ((a, a_columns), (b, b_rows))
    if along.place in inner:
        weighed = {a, b} & net.constants.keys() or {a, b}
        for value, axis in inner:
            yield Along(value, axis, along.unit, heard=value in weighed)
