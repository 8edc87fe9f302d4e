"""The writing half of lathe.packed.tokens."""

import numpy as np
from numpy.typing import NDArray


def split_tokens(
    naturals: NDArray[np.int64], direct: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The token of each natural (the same shape) and the raw bits of those not direct."""
    large = naturals >= direct
    shifted = naturals[large] - direct + 2
    middle = np.frexp(shifted.astype(np.float64))[1] - 2  # exact: below 2**53
    tokens = naturals.copy()
    tokens[large] = direct + 2 * middle + (shifted >> middle & 1)
    return tokens.astype(np.uint8), shifted & (1 << middle) - 1
