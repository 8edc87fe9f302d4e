"""What became of every layer: bytes, shape, zeros, number type, fidelity, and how it runs."""

import math
from collections.abc import Mapping

import numpy as np
import onnx

from lathe.facts import LayerSpec
from lathe.report import LayerReport
from worker.engine.context import Samples
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
    "gone", no shape and no bytes.
    """
    before, after = Stored(original), Stored(compressed)
    found = layers(original)
    pairs = {
        layer.id: pair
        for layer in found
        if (pair := counterpart(layer.id, before, after)) is not None
    }
    sqnr: dict[str, float] = {}
    if samples is not None and pairs:
        sqnr = layer_sqnr(original, compressed, pairs, samples, threads=threads)
    return tuple(
        _report(layer, before, after, sqnr.get(layer.id), executed.get(layer.id))
        for layer in found
    )


def _report(
    layer: LayerSpec,
    before: Stored,
    after: Stored,
    sqnr_db: float | None,
    executed_as: str | None,
) -> LayerReport:
    weight = after.weight(layer.id)
    return LayerReport(
        layer=layer.id,
        operator=layer.operator,
        bytes_before=_bytes(layer.id, before),
        bytes_after=_bytes(layer.id, after),
        shape_before=layer.weight_shape,
        shape_after=() if weight is None else tuple(weight.dims),
        nonzero=0.0 if weight is None else _nonzero(layer, weight, after),
        dtype=GONE if weight is None else DTYPES.get(weight.data_type, _exotic(weight)),
        sqnr_db=sqnr_db,
        executed_as=executed_as,
    )


def _bytes(layer: str, graph: Stored) -> int:
    weight = graph.weight(layer)
    node = None if weight is None else graph.reader(weight.name)
    return 0 if node is None else graph.size_bytes(node)


def _nonzero(layer: LayerSpec, weight: onnx.TensorProto, graph: Stored) -> float:
    """Fraction of stored weights that do not mean zero: for integers, q != zero point."""
    values = array(weight)
    if not values.size:
        return 0.0
    if (count := nonzero_weights(layer.id, graph.tensors, graph.read_by)) is not None:
        return count / math.prod(layer.weight_shape)
    zero_point = graph.tensors.get(f"{layer.id}_zero_point")
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
