"""The step of a weight's grid.

To spend a given number of bits with the least error of the outputs, every weight's code
should cost the outputs the same: with F the mean squared change of the outputs for a unit
change of a weight (see sensitivity.py), uniform noise of a step D costs D^2 / 12 F, so

    D = sqrt(c / F)

(reverse water-filling; Cover and Thomas, Elements of Information Theory, section 10.3.3).
Error feedback makes a layer's error smaller, by the ratio of the geometric mean of 1 / U_jj^2
to the mean diagonal of H (see feedback.py), and its step larger by the root of it. No step is
larger than LARGEST times the root mean square of its weights: more would leave nothing of a
layer that the samples happen not to reach.
"""

import numpy as np
from numpy.typing import NDArray

SMALLEST_STEP = 2.0**-126  # of normal bfloat16 and float32 numbers
LARGEST = 2.5
KEPT_BITS = np.uint32(0xFFFF0000)


def coarse(step: float) -> float:
    """The bfloat16 number next to `step` > 0, ties away from zero; SMALLEST_STEP at least."""
    bits = np.float32(step).view(np.uint32) + np.uint32(0x8000)
    rounded = (np.uint32(bits) & KEPT_BITS).view(np.float32)
    return max(float(rounded), SMALLEST_STEP)


def filled_step(
    level: float, sensitivity: float, weight: NDArray[np.float32], gain: float = 1.0
) -> float:
    """D = sqrt(level gain / sensitivity), bfloat16; `gain` is what feedback makes of the error,
    inverted, at least 1."""
    rms = float(np.sqrt(np.mean(np.square(weight.astype(np.float64)))))
    if rms == 0:
        return 1.0
    most = LARGEST * rms
    if sensitivity <= 0 or not np.isfinite(sensitivity):
        return coarse(most)
    return coarse(min(np.sqrt(level * gain / sensitivity), most))


def step_from_weights(distortion: float, weight: NDArray[np.float32]) -> float:
    """Without any example: the step whose rounding noise D^2 / 12 is the share `distortion` of
    the weights' mean square."""
    rms = float(np.sqrt(np.mean(np.square(weight.astype(np.float64)))))
    return coarse(min(np.sqrt(12 * distortion), LARGEST) * rms) if rms else 1.0
