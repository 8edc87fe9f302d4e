"""onnxruntime's static quantizer with ranges of our own."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from onnxruntime.quantization import QuantFormat, QuantType
from onnxruntime.quantization import quantize_static as write_static
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData, save_tensors_data

from worker.engine.quantize.static.calibrate import Ranges


@dataclass(frozen=True, slots=True)
class Form:
    """What the integers are to look like; `options` are the quantizer's `extra_options`."""

    activations: QuantType
    weights: QuantType
    format: QuantFormat
    per_channel: bool
    reduce_range: bool = False
    options: Mapping[str, object] = field(default_factory=dict)


def write_quantized(
    source: Path,
    target: Path,
    ranges: Ranges,
    form: Form,
    operators: Collection[str],
    floats: Collection[str],
) -> None:
    """Quantize the file `source` into `target`: nodes of `operators` but those named in
    `floats`."""
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
            quant_format=form.format,
            op_types_to_quantize=list(operators),
            per_channel=form.per_channel,
            reduce_range=form.reduce_range,
            activation_type=form.activations,
            weight_type=form.weights,
            nodes_to_exclude=sorted(floats),
            calibration_cache_path=known,
            extra_options=dict(form.options),
        )
    finally:
        known.unlink()
