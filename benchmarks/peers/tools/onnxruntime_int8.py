"""onnxruntime's quantizer: onnxruntime_int8 static|dynamic MODEL EXAMPLES TARGET.

The settings that came out best of many for these nets: unsigned activations, signed weights
with a scale a channel, integer operators instead of pairs around floats.
"""

import sys
from pathlib import Path

import numpy as np
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.bare_quantization import Batches, dynamic, static


def main(form: str, model: str, examples: str, target: str) -> None:
    """Quantize one file."""
    if form == "dynamic":
        dynamic(model, target)
        return
    ready = str(Path(target).with_suffix(".ready.onnx"))
    quant_pre_process(model, ready)
    static(ready, target, Batches(np.load(examples)))


if __name__ == "__main__":
    main(*sys.argv[1:])
