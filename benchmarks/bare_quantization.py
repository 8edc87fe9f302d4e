"""onnxruntime's own quantizer called once, as a script would: what Lathe is compared with.

python -m benchmarks.bare_quantization dynamic model.onnx out.onnx
python -m benchmarks.bare_quantization static model.onnx out.onnx images.npy

The settings are those that Lathe's defaults come to: signed symmetric weights with a scale a
channel; dynamic takes MatMul, Gemm and tables, static puts unsigned activations between them on
ranges from minimum to maximum. `images.npy` holds (count, height, width, 3) bytes.
"""

import sys
from pathlib import Path

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


class _Images(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
    """Batches of normalised images, channels first."""

    def __init__(self, path: Path) -> None:
        self.images = np.load(path, mmap_mode="r")
        self.next = 0

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch by input name; None behind the last."""
        images = self.images[self.next : self.next + BATCH]
        self.next += BATCH
        if not len(images):
            return None
        pixels = (images.astype(np.float32) / 255 - MEAN) / DEVIATION
        return {"image": np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))}


def main(form: str, source: str, target: str, *images: str) -> None:
    """Quantize one file."""
    if form == "dynamic":
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["Gemm", "MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        return
    quantize_static(
        source,
        target,
        _Images(Path(images[0])),
        quant_format=QuantFormat.QOperator,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
