"""One array of an upload before it is read."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.facts import DType


@dataclass(frozen=True, slots=True)
class ArraySource:
    """`values()` gives the elements in C order, in pieces, and can be called once."""

    dtype: DType
    shape: tuple[int, ...]
    values: Callable[[], Iterator[NDArray[np.generic]]]
