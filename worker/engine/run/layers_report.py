"""What became of every layer: bytes, shape, zeros, number type, fidelity, and how it runs."""

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import onnx

from lathe.facts import LayerSpec
from lathe.report import LayerReport
from worker.engine.context import Samples
from worker.engine.decompose.names import layer_of
from worker.engine.graph.io_spec import DTYPES
from worker.engine.graph.layers import layers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.blocks import blocks
from worker.engine.quantize.blocks.read_back import nonzero_weights
from worker.engine.run.counterpart import counterpart
from worker.engine.run.layer_sqnr import layer_sqnr
from worker.engine.run.stored import LOWERED, Stored

GONE = "gone"


def layer_reports(
    original: onnx.ModelProto,
    compressed: onnx.ModelProto,
    samples: Samples | None,
    executed: Mapping[str, str],
    *,
    threads: int = 1,
) -> tuple[LayerReport, ...]:
    """One entry a layer of `original`, in graph order.

    `executed` says by layer id as what the runtime ran it. SQNR needs `samples`, and a value
    that both graphs have in the same shape. A layer that is no longer there has the type
    "gone", no shape and no bytes; one that was decomposed has the bytes, nonzeros and kernels
    of all its factors.
    """
    before, after = Stored(original), Stored(compressed)
    found = layers(original)
    factors = _factors([layer.id for layer in found], before, after)
    pairs = {
        layer.id: pair
        for layer in found
        if (pair := counterpart(layer.id, before, after)) is not None
    }
    sqnr: dict[str, float] = {}
    if samples is not None and pairs:
        sqnr = layer_sqnr(original, compressed, pairs, samples, threads=threads)
    return tuple(
        _report(layer, before, after, sqnr.get(layer.id), executed, factors.get(layer.id, ()))
        for layer in found
    )


def _report(
    layer: LayerSpec,
    before: Stored,
    after: Stored,
    sqnr_db: float | None,
    executed: Mapping[str, str],
    factors: Sequence[str],
) -> LayerReport:
    weight = after.weight(layer.id)
    row = (*factors, layer.id)
    weights = [(name, tensor) for name in row if (tensor := after.weight(name)) is not None]
    kernels = dict.fromkeys(executed[name] for name in row if name in executed)
    return LayerReport(
        layer=layer.id,
        operator=layer.operator,
        bytes_before=_bytes(layer.id, before),
        bytes_after=sum(_bytes(name, after) for name in row),
        shape_before=layer.weight_shape,
        shape_after=() if weight is None else tuple(weight.dims),
        factors_after=tuple(tuple(tensor.dims) for _, tensor in weights[:-1]),
        nonzero=_nonzero_of_all(weights, after, math.prod(layer.weight_shape)),
        dtype=GONE if weight is None else DTYPES.get(weight.data_type, _exotic(weight)),
        sqnr_db=sqnr_db,
        executed_as=", ".join(kernels) or None,
    )


def _factors(known: Collection[str], before: Stored, after: Stored) -> dict[str, list[str]]:
    """The factors that come before a layer's last one, by the layer's id, in their order."""
    names = [
        name.removesuffix(LOWERED) for name, tensor in after.tensors.items() if tensor.dims
    ]
    found: dict[str, list[str]] = {}
    for name in sorted({*names} - before.tensors.keys()):
        layer = layer_of(name, known)
        if layer is not None and after.weight(name) is not None:
            found.setdefault(layer, []).append(name)
    return found


def _nonzero_of_all(
    weights: Sequence[tuple[str, onnx.TensorProto]], graph: Stored, elements: int
) -> float:
    """Of all elements of some weights, 0 of none; a single one is a layer's of `elements`."""
    sizes = [math.prod(tensor.dims) for _, tensor in weights]
    whole = elements if len(weights) == 1 else None
    shares = [_nonzero(name, tensor, graph, whole) for name, tensor in weights]
    total = sum(sizes)
    return (
        sum(n * share for n, share in zip(sizes, shares, strict=True)) / total if total else 0.0
    )


def _bytes(layer: str, graph: Stored) -> int:
    weight = graph.weight(layer)
    node = None if weight is None else graph.reader(weight.name)
    return 0 if node is None else graph.size_bytes(node)


def _nonzero(
    layer: str, weight: onnx.TensorProto, graph: Stored, elements: int | None
) -> float:
    """Fraction of stored weights that do not mean zero: for integers, q != zero point. Packed
    integers hold `elements` weights and some padding, which is counted where None is known."""
    values = array(weight)
    if not values.size:
        return 0.0
    if (found := nonzero_weights(layer, graph.tensors, graph.read_by)) is not None:
        count, codes = found
        return count / (elements or codes)
    zero_point = graph.tensors.get(f"{layer}_zero_point")
    zero = None
    if weight.name.endswith(LOWERED) and zero_point is not None and array(zero_point).any():
        zero = array(zero_point)
    if zero is None:
        flat = values.reshape(-1)
        return sum(np.count_nonzero(flat[part]) for part in blocks(flat)) / values.size
    axis = next((k for k, size in enumerate(values.shape) if size == zero.size), 0)
    zeros = zero.reshape([-1 if k == axis else 1 for k in range(values.ndim)])
    different = sum(
        np.count_nonzero(values[rows] != (zeros[rows] if len(zeros) > 1 else zeros))
        for rows in blocks(values)
    )
    return different / values.size


def _exotic(tensor: onnx.TensorProto) -> str:
    """The name of a type that no input or output can have, such as int4."""
    name: str = onnx.TensorProto.DataType.Name(tensor.data_type)
    return name.lower()
