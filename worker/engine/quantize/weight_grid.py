"""The grid of a weight from its extremes, for all channels at once.

    signed:    m = max(|low|, |high|), scale = 2 m / (last - first), zero_point = 0
    unsigned:  low <= 0 <= high,       scale = (high - low) / 255,
                                       zero_point = round(-low / scale), ties to even

in float64, the scale rounded to float32 at the end; a scale below the smallest normal float32
becomes 1. So does onnxruntime's quantizer (quant_utils.compute_scale_zp, onnxruntime 1.31),
channel by channel in Python: 41,476 channels of all-MiniLM-L6-v2 take it 2 s.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SIGNED = (-127.0, 127.0)
SIGNED_REDUCED = (-64.0, 64.0)  # 7 bits, see `measure.environment.saturates`
UNSIGNED = (0.0, 255.0)


def weight_grid(
    low: Floats, high: Floats, dtype: np.dtype[np.generic], *, reduce_range: bool
) -> tuple[Floats, NDArray[np.generic]]:
    """(channels,) scales and zero points; `reduce_range` is for signed integers alone."""
    first, last = UNSIGNED
    low64, high64 = np.minimum(low, 0).astype(np.float64), np.maximum(high, 0).astype(float)
    if dtype == np.int8:
        first, last = SIGNED_REDUCED if reduce_range else SIGNED
        high64 = np.maximum(-low64, high64)
        low64 = -high64
    scales = (high64 - low64) / (last - first)
    vanishing = scales < np.finfo(np.float32).tiny
    scales[vanishing] = 1.0
    zeros = np.zeros_like(scales) if dtype == np.int8 else np.round(first - low64 / scales)
    zeros[vanishing] = 0
    return scales.astype(np.float32), zeros.astype(dtype)
