"""The ways to 8-bit integers that are worth trying on a network.

No single one wins everywhere: measured side by side on thirteen networks, static per-channel
integers were fastest for convolutions, dynamic ones for transformers, and for some nets nothing
was faster than floats. Integer convolutions of few input channels are slower than float ones
in onnxruntime 1.31 (LeNet-5's first one: three times), so static ones come with these in
floats as well. Weights in blocks round the inputs of a product block by block: slower than one
range for all of them (all-MiniLM-L6-v2: 0.50 of the floats' time against 0.35), but hardly
anything is lost (Spearman 0.8200 of 0.8203 against 0.8174). The runtime has such products for
matrices and tables alone, so they come where most weights are those.
"""

from collections.abc import Iterator
from math import prod

import onnx

from lathe.techniques.quantize import (
    Calibration,
    Entropy,
    MinMax,
    Percentile,
    QuantizeDynamic,
    QuantizeStatic,
    QuantizeWeights,
)
from worker.engine.graph.layers import layers

FEW_CHANNELS = 3
IN_BLOCKS = frozenset({"MatMul", "Gemm", "Gather"})
CALIBRATIONS: tuple[Calibration, ...] = (MinMax(), Percentile(), Entropy())

Variant = QuantizeStatic | QuantizeDynamic | QuantizeWeights


def variants(
    model: onnx.ModelProto, exclude: tuple[str, ...], *, calibrated: bool
) -> Iterator[tuple[str, Variant]]:
    """Each with the name that facts tell it by; static ones only where there are calibration
    data."""
    yield "dynamic", QuantizeDynamic(exclude=exclude)
    if mostly_matrices(model):
        yield "weights in blocks", QuantizeWeights(bits=8, protect=exclude)
    if not calibrated:
        return
    for calibration in CALIBRATIONS:
        name = f"static {calibration.method}"
        yield name, QuantizeStatic(calibration=calibration, exclude=exclude)
    yield "static min_max qdq", QuantizeStatic(format="qdq", exclude=exclude)
    narrow = tuple(name for name in narrow_convolutions(model) if name not in exclude)
    if narrow:
        name = "static min_max, narrow convolutions float"
        yield name, QuantizeStatic(exclude=(*exclude, *narrow))


def narrow_convolutions(model: onnx.ModelProto) -> tuple[str, ...]:
    """Ids of the Conv layers whose outputs add up at most FEW_CHANNELS channels each."""
    return tuple(
        layer.id
        for layer in layers(model)
        if layer.operator == "Conv" and layer.weight_shape[1] <= FEW_CHANNELS
    )


def mostly_matrices(model: onnx.ModelProto) -> bool:
    """Whether more than half of the weights are those of products and tables."""
    sizes = {layer.id: prod(layer.weight_shape) for layer in layers(model)}
    blocks = (layer.id for layer in layers(model) if layer.operator in IN_BLOCKS)
    return 2 * sum(sizes[name] for name in blocks) > sum(sizes.values())
