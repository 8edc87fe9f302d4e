"""onnxruntime's quantizer: onnxruntime_int8 static|dynamic MODEL EXAMPLES TARGET.

The settings that came out best of many for these nets: unsigned activations, signed weights
with a scale a channel, integer operators instead of pairs around floats.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

BATCH = 32


class _Batches(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
    """The calibration examples, batch by batch."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = dict(arrays)
        self.next = 0

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch by input name; None behind the last."""
        here = slice(self.next, self.next + BATCH)
        self.next += BATCH
        batch = {name: array[here] for name, array in self.arrays.items()}
        return batch if len(next(iter(batch.values()))) else None


def main(form: str, model: str, examples: str, target: str) -> None:
    """Quantize one file."""
    if form == "dynamic":
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=["Gemm", "MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        return
    ready = str(Path(target).with_suffix(".ready.onnx"))
    quant_pre_process(model, ready)
    quantize_static(
        ready,
        target,
        _Batches(np.load(examples)),
        quant_format=QuantFormat.QOperator,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
