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

import onnx
from onnxruntime.quantization import QuantFormat, QuantType

from lathe.errors import StepImpossible
from lathe.techniques.quantize import QuantizeStatic
from worker.engine.measure.environment import saturates
from worker.engine.outcome import FactValue
from worker.engine.quantize.rewritten import rewritten
from worker.engine.quantize.static.calibrate import Ranges
from worker.engine.quantize.static.movers import keep_integers
from worker.engine.quantize.static.written import Form, write_quantized

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
    """How integers are written here."""

    spec: QuantizeStatic
    form: Form

    @property
    def facts(self) -> dict[str, FactValue]:
        """Types and form; weights with a reduced range have 7 bits."""
        return {
            "activation_type": self.form.activations.name.removeprefix("Q").lower(),
            "weight_type": self.form.weights.name.removeprefix("Q").lower(),
            "format": self.spec.format,
            "reduce_range": self.form.reduce_range,
        }

    def lowered(
        self, model: onnx.ModelProto, folder: Path, ranges: Ranges, floats: Collection[str]
    ) -> onnx.ModelProto:
        """Another model, in which only the nodes `floats` compute as before. `folder` must
        outlive it."""
        lowered = rewritten(
            model,
            folder,
            lambda source, target: write_quantized(
                source, target, ranges, self.form, LOWERED, floats
            ),
            LOWERED,
        )
        keep_integers(lowered)
        return lowered


def static_writer(spec: QuantizeStatic) -> StaticWriter:
    """For this machine. Raises StepImpossible for a grid that the format cannot say."""
    per_channel, qdq = spec.weights.granularity.per == "channel", spec.format == "qdq"
    if qdq and per_channel and not spec.weights.symmetric:
        raise StepImpossible(
            "the qdq format has no zero point for each channel; use symmetric weights, one "
            "scale for the tensor, or the qoperator format",
            param="weights.symmetric",
        )
    signed = qdq and spec.activations.symmetric
    form = Form(
        QuantType.QInt8 if signed else QuantType.QUInt8,
        QuantType.QInt8,
        QuantFormat.QDQ if qdq else QuantFormat.QOperator,
        per_channel=per_channel,
        reduce_range=saturates(),
        options={
            "ActivationSymmetric": spec.activations.symmetric,
            "WeightSymmetric": spec.weights.symmetric,
        },
    )
    return StaticWriter(spec, form)
