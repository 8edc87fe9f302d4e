"""Constants that say how many numbers were added up.

Means and variances that are written out as a sum over n numbers and a factor, such as

    mean = sum x * (1 / n)        variance = mean (x - mean)^2 * (n / (n - 1))

have n in a constant of its own. Where units go, n does too.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from worker.engine.onnx_file.array import array
from worker.engine.optimize.names import fresh
from worker.engine.prune.along.coupled import Place
from worker.engine.prune.along.net import Net
from worker.engine.prune.along.rules import reduced
from worker.engine.prune.coupling import Kept

ADDED_UP = {"ReduceMean", "ReduceSum"}
SCALED = {"Div", "Mul"}
RELATIVE = 1e-6  # float32 keeps 1 / n within 6e-8
SMALLEST = 3  # of two numbers, n is also n / (n - 1)


def recount(net: Net, model: onnx.ModelProto, values: Mapping[Place, Kept]) -> None:
    """Give factors behind sums and means over cut axes the numbers that are left, in place.

    A constant that others read is never changed: the node gets one of its own.
    """
    for node in list(model.graph.node):
        if node.op_type not in ADDED_UP:
            continue
        for axis in reduced(node, net)[0]:
            stays = values.get((node.input[0], axis))
            if stays is not None and len(stays) >= SMALLEST:
                _refactor(node, net, model.graph, len(stays), int(stays.sum()))


def _refactor(
    node: onnx.NodeProto, net: Net, graph: onnx.GraphProto, before: int, after: int
) -> None:
    """Of every product and quotient that `node` goes through, one after the other."""
    for reader in net.read_by.get(node.output[0], []):
        if reader.op_type not in SCALED:
            continue
        for place, name in enumerate(reader.input):
            if name not in net.constants:
                continue
            factor = array(net.constants[name])
            new = _of_fewer(factor, before, after)
            if new is not None:
                reader.input[place] = fresh(graph, f"{name}.of_{after}")
                tensor = numpy_helper.from_array(new, reader.input[place])
                graph.initializer.append(tensor)
        _refactor(reader, net, graph, before, after)


def _of_fewer(
    factor: NDArray[np.generic], before: int, after: int
) -> NDArray[np.generic] | None:
    """What one number is of `after` that is `factor` of `before`; None for another number."""
    if factor.size != 1:
        return None
    pairs = zip(_factors(before), _factors(after), strict=True)
    return next(
        (
            np.full_like(factor, new)
            for old, new in pairs
            if np.isclose(float(factor.item()), old, rtol=RELATIVE, atol=0)
        ),
        None,
    )


def _factors(n: int) -> Iterator[float]:
    """The forms in which n numbers are counted; one number alone does not vary, so that its
    factor says nothing."""
    free = max(n - 1, 1)
    for count in (n, free, n / free):
        yield from (count, 1 / count)
