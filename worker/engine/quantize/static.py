"""Integer weights and activations with ranges from calibration data.

q = clamp(round(x / scale) + zero_point), Jacob et al. 2018, arXiv:1712.05877, equation 1;
onnxruntime's quantizer writes the graph, the ranges are our own (see `calibrate`).

Types, measured with onnxruntime 1.31 on ResNet-20, x86 with VNNI, batch 1, floats 0.9 ms:

    activations U8, weights S8                      0.5 ms
    activations U8 around 128, weights S8           0.6 ms    symmetric in `qoperator`
    activations S8, weights S8                      1.0 ms    symmetric in `qdq`
    activations S8, weights S8, `qoperator`         4.7 ms    never written
    activations U8, weights S8 with a zero point    0.5 ms    asymmetric weights
    activations U8, weights U8                      0.8 ms    never written

So symmetric activations are signed only in the `qdq` form, the one that accelerators read.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnxruntime.quantization import QuantFormat, QuantType
from onnxruntime.quantization import quantize_static as write_static
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData, save_tensors_data

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeStatic
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.graph.layers import layers
from worker.engine.measure.environment import saturates
from worker.engine.outcome import Outcome
from worker.engine.quantize.calibrate import Ranges, calibrate
from worker.engine.quantize.grids import lowered_checkpoint, lowering_facts, weight_grids
from worker.engine.quantize.movers import keep_integers
from worker.engine.quantize.nodes import named, nodes_of
from worker.engine.quantize.region import outside
from worker.engine.quantize.require_float import require_float
from worker.engine.quantize.rewritten import rewritten
from worker.engine.quantize.tables import small_tables

WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")
TABLES = ("Gather",)
BETWEEN = (  # have integer kernels, so values stay integers from layer to layer
    "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu",
    "MaxPool", "Mul", "Pad", "Relu", "Reshape", "Resize", "Sigmoid", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
)  # fmt: skip
LOWERED = (*WITH_WEIGHTS, *TABLES, *BETWEEN)


@dataclass(frozen=True, slots=True)
class _Types:
    activations: QuantType
    weights: QuantType
    form: QuantFormat


def quantize_static(checkpoint: Checkpoint, spec: QuantizeStatic, context: Context) -> Outcome:
    """Lower every Conv, Gemm, MatMul and table that is not excluded, and what lies between.

    Recurrent layers stay float; the facts name them. Raises UnknownLayer for an
    excluded layer that the model does not have, StepImpossible where nothing can be lowered,
    the model is quantized already or an activation is not finite.
    """
    require_float(checkpoint.model)
    if context.calibration is None:
        raise StepImpossible("quantize.static needs calibration data", param="data.calibration")
    types = _types(spec)
    model = checkpoint.private()
    named(model)
    excluded = nodes_of(model, spec.exclude)
    before = layers(model)
    if not any(layer.operator in (*WITH_WEIGHTS, *TABLES) for layer in before):
        raise StepImpossible(
            "the model has no Conv, Gemm, MatMul or table with constant weights to quantize; "
            "quantize.dynamic also takes LSTM layers"
        )
    floats = {*excluded, *small_tables(model), *outside(model, WITH_WEIGHTS, BETWEEN, excluded)}
    ranges = calibrate(
        model,
        [n for n in model.graph.node if n.op_type in LOWERED and n.name not in floats],
        spec.calibration,
        context.calibration,
        symmetric=spec.activations.symmetric,
        threads=context.threads,
        progress=context.progress,
    )
    reduced = saturates()
    lowered = rewritten(
        model,
        context.folder,
        lambda source, target: _write(
            source, target, ranges, spec, types, sorted(floats), reduce_range=reduced
        ),
        LOWERED,
    )
    keep_integers(lowered)
    grids = weight_grids(before, lowered)
    facts = lowering_facts(checkpoint, lowered, before, frozenset(grids))
    facts |= {
        "calibration_samples": context.calibration.count,
        "calibration_method": spec.calibration.method,
        "activation_type": types.activations.name.removeprefix("Q").lower(),
        "weight_type": types.weights.name.removeprefix("Q").lower(),
        "format": spec.format,
        "reduce_range": reduced,
    }
    return Outcome(lowered_checkpoint(checkpoint, lowered, grids), facts)


def _types(spec: QuantizeStatic) -> _Types:
    if spec.format == "qoperator":
        return _Types(QuantType.QUInt8, QuantType.QInt8, QuantFormat.QOperator)
    if not spec.weights.symmetric and spec.weights.granularity.per == "channel":
        raise StepImpossible(
            "the qdq format has no zero point for each channel; use symmetric weights, one "
            "scale for the tensor, or the qoperator format",
            param="weights.symmetric",
        )
    return _Types(
        QuantType.QInt8 if spec.activations.symmetric else QuantType.QUInt8,
        QuantType.QInt8,
        QuantFormat.QDQ,
    )


def _write(
    source: Path,
    target: Path,
    ranges: Ranges,
    spec: QuantizeStatic,
    types: _Types,
    floats: list[str],
    *,
    reduce_range: bool,
) -> None:
    known = source.with_name("ranges.json")
    table = {
        name: (np.array(low, np.float32), np.array(high, np.float32))
        for name, (low, high) in ranges.items()
    }
    save_tensors_data(TensorsData(CalibrationMethod.MinMax, table), known)
    try:
        write_static(
            str(source),
            str(target),
            quant_format=types.form,
            op_types_to_quantize=list(LOWERED),
            per_channel=spec.weights.granularity.per == "channel",
            reduce_range=reduce_range,
            activation_type=types.activations,
            weight_type=types.weights,
            nodes_to_exclude=floats,
            calibration_cache_path=known,
            extra_options={
                "ActivationSymmetric": spec.activations.symmetric,
                "WeightSymmetric": spec.weights.symmetric,
            },
        )
    finally:
        known.unlink()
