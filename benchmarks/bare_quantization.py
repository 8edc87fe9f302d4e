"""onnxruntime's own quantizer called once, as a script would: what Lathe is compared with.

python -m benchmarks.bare_quantization dynamic model.onnx out.onnx
python -m benchmarks.bare_quantization static model.onnx out.onnx images.npy

The settings are those that Lathe's defaults come to: signed symmetric weights with a scale a
channel; dynamic takes MatMul, Gemm and tables, static puts unsigned activations between them on
ranges from minimum to maximum. `images.npy` holds (count, height, width, 3) bytes.
"""

import sys
from collections.abc import Callable, Mapping

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

BATCH = 32
MEAN = np.array((0.485, 0.456, 0.406), np.float32)
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)


class Batches(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
    """Examples by input name, (count, ...), batch by batch, each through `ready` first."""

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        ready: Callable[[np.ndarray], np.ndarray] = np.ascontiguousarray,
    ) -> None:
        self.arrays = dict(arrays)
        self.ready = ready
        self.next = 0

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch by input name; None behind the last."""
        here = slice(self.next, self.next + BATCH)
        self.next += BATCH
        batch = {name: array[here] for name, array in self.arrays.items()}
        if not len(next(iter(batch.values()))):
            return None
        return {name: self.ready(array) for name, array in batch.items()}


def dynamic(source: str, target: str) -> None:
    """Quantize the weights of one file; activations at run time."""
    quantize_dynamic(
        source,
        target,
        op_types_to_quantize=["Gemm", "MatMul", "Gather"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


def static(source: str, target: str, examples: Batches) -> None:
    """Quantize weights and activations of one file."""
    quantize_static(
        source,
        target,
        examples,
        quant_format=QuantFormat.QOperator,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def main(form: str, source: str, target: str, *images: str) -> None:
    """Quantize one file."""
    if form == "dynamic":
        dynamic(source, target)
    else:
        static(source, target, Batches({"image": np.load(images[0], mmap_mode="r")}, _pixels))


def _pixels(images: np.ndarray) -> np.ndarray:
    """(count, height, width, 3) bytes, normalised, channels first."""
    scaled = (images.astype(np.float32) / 255 - MEAN) / DEVIATION
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


if __name__ == "__main__":
    main(*sys.argv[1:])
