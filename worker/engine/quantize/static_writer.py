"""One float graph as integers with ranges that are known, by onnxruntime's quantizer.

Types, measured with onnxruntime 1.31 on ResNet-20, x86 with VNNI, batch 1, floats 0.9 ms:

    activations U8, weights S8                      0.5 ms
    activations U8 around 128, weights S8           0.6 ms    symmetric in `qoperator`
    activations S8, weights S8                      1.0 ms    symmetric in `qdq`
    activations S8, weights S8, `qoperator`         4.7 ms    never written
    activations U8, weights S8 with a zero point    0.5 ms    asymmetric weights
    activations U8, weights U8                      0.8 ms    never written

So symmetric activations are signed only in the `qdq` form, the one that accelerators read.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantFormat, QuantType
from onnxruntime.quantization import quantize_static as write_static
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData, save_tensors_data

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeStatic
from worker.engine.measure.environment import saturates
from worker.engine.outcome import FactValue
from worker.engine.quantize.calibrate import Ranges
from worker.engine.quantize.movers import keep_integers
from worker.engine.quantize.rewritten import rewritten

WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")
TABLES = ("Gather",)
BETWEEN = (  # have integer kernels, so values stay integers from layer to layer
    "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu",
    "MaxPool", "Mul", "Pad", "Relu", "Reshape", "Resize", "Sigmoid", "Split", "Squeeze",
    "Transpose", "Unsqueeze",
)  # fmt: skip
LOWERED = (*WITH_WEIGHTS, *TABLES, *BETWEEN)


@dataclass(frozen=True, slots=True)
class StaticWriter:
    """How integers are written here; `reduced` weights have 7 bits."""

    spec: QuantizeStatic
    activations: QuantType
    weights: QuantType
    form: QuantFormat
    reduced: bool

    @property
    def facts(self) -> dict[str, FactValue]:
        """Types and form."""
        return {
            "activation_type": self.activations.name.removeprefix("Q").lower(),
            "weight_type": self.weights.name.removeprefix("Q").lower(),
            "format": self.spec.format,
            "reduce_range": self.reduced,
        }

    def lowered(
        self, model: onnx.ModelProto, folder: Path, ranges: Ranges, floats: Collection[str]
    ) -> onnx.ModelProto:
        """Another model, in which only the nodes `floats` compute as before. `folder` must
        outlive it."""
        lowered = rewritten(
            model,
            folder,
            lambda source, target: self._write(source, target, ranges, sorted(floats)),
            LOWERED,
        )
        keep_integers(lowered)
        return lowered

    def _write(self, source: Path, target: Path, ranges: Ranges, floats: list[str]) -> None:
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
                quant_format=self.form,
                op_types_to_quantize=list(LOWERED),
                per_channel=self.spec.weights.granularity.per == "channel",
                reduce_range=self.reduced,
                activation_type=self.activations,
                weight_type=self.weights,
                nodes_to_exclude=floats,
                calibration_cache_path=known,
                extra_options={
                    "ActivationSymmetric": self.spec.activations.symmetric,
                    "WeightSymmetric": self.spec.weights.symmetric,
                },
            )
        finally:
            known.unlink()


def static_writer(spec: QuantizeStatic) -> StaticWriter:
    """For this machine. Raises StepImpossible for a grid that the format cannot say."""
    if spec.format == "qoperator":
        types = QuantType.QUInt8, QuantType.QInt8, QuantFormat.QOperator
        return StaticWriter(spec, *types, reduced=saturates())
    if not spec.weights.symmetric and spec.weights.granularity.per == "channel":
        raise StepImpossible(
            "the qdq format has no zero point for each channel; use symmetric weights, one "
            "scale for the tensor, or the qoperator format",
            param="weights.symmetric",
        )
    activations = QuantType.QInt8 if spec.activations.symmetric else QuantType.QUInt8
    return StaticWriter(
        spec, activations, QuantType.QInt8, QuantFormat.QDQ, reduced=saturates()
    )
