"""Codes of 2, 4 or 8 bits in bytes, the first code in the lowest bits, as the runtime's
kernels read them."""

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]


def packed(codes: Codes, bits: int) -> Codes:
    """(..., n) codes as (..., n * bits / 8) bytes, the last one filled up with zeros."""
    each = 8 // bits
    short = -codes.shape[-1] % each
    filled = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, short)])
    parts = filled.reshape(*codes.shape[:-1], -1, each)
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    joined: Codes = np.bitwise_or.reduce(parts << shifts, axis=-1).astype(np.uint8)
    return joined


def unpacked(data: Codes, bits: int) -> Codes:
    """(..., n) bytes as (..., n * 8 / bits) codes."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    codes = (data[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return codes.reshape(*data.shape[:-1], -1)
