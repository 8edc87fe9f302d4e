"""Smooth resizing of one axis as a matrix, for what torch's interpolate does not do.

The operator Resize of the ONNX specification reads element i of the new axis at the place
x of the old one, n' and n being the new and the old length and s = n'/n the scale:

    half_pixel            x = (i + 1/2) / s - 1/2
    pytorch_half_pixel    the same, 0 where n' is 1
    half_pixel_symmetric  the same + n/2 (1 - n'/(s n))
    asymmetric            x = i / s
    align_corners         x = i (n - 1) / (n' - 1), 0 where n' is 1

and weighs its neighbours by a kernel k(x - place):

    linear  1 - |d|                                            for |d| < 1
    cubic   (a + 2)|d|^3 - (a + 3)|d|^2 + 1                    for |d| <= 1
            a|d|^3 - 5a|d|^2 + 8a|d| - 4a                      for 1 < |d| < 2
            (Keys, "Cubic Convolution Interpolation for Digital Image Processing", 1981)

A neighbour outside the axis stands for the nearest one inside, or with exclude_outside for
none; the other weights then share its part.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COORDINATES = {
    "half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners",
}  # fmt: skip
REACH = {"linear": 1, "cubic": 2}  # neighbours on each side


@dataclass(frozen=True, slots=True)
class Kernel:
    """How the new elements read the old ones."""

    mode: str
    coordinates: str
    a: float
    exclude_outside: bool


def matrix(kernel: Kernel, old: int, new: int, scale: float) -> NDArray[np.float32]:
    """(new, old): each row weighs the old elements and sums to 1."""
    weights = np.zeros((new, old))
    reach = REACH[kernel.mode]
    for i in range(new):
        x = place(kernel.coordinates, i, old, new, scale)
        first = math.floor(x) - reach + 1
        for neighbour in range(first, first + 2 * reach):
            if kernel.exclude_outside and not 0 <= neighbour < old:
                continue
            weights[i, min(max(neighbour, 0), old - 1)] += _weight(kernel, abs(x - neighbour))
    shares: NDArray[np.float32] = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return shares


def place(coordinates: str, i: int, old: int, new: int, scale: float) -> float:
    """Where element `i` of the new axis lies on the old one."""
    match coordinates:
        case "asymmetric":
            return i / scale
        case "align_corners":
            return i * (old - 1) / (new - 1) if new > 1 else 0.0
        case "pytorch_half_pixel" if new <= 1:
            return 0.0
        case "half_pixel_symmetric":
            return old / 2 * (1 - new / (scale * old)) + (i + 0.5) / scale - 0.5
        case _:  # half_pixel
            return (i + 0.5) / scale - 0.5


def _weight(kernel: Kernel, d: float) -> float:
    if kernel.mode == "linear":
        return max(1 - d, 0.0)
    a = kernel.a
    if d <= 1:
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a if d < REACH["cubic"] else 0.0
