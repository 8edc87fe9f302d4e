"""A tensor's plan together with what it needs in the body."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lathe.packed.head.plan import Plan

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to code a tensor: its plan, its symbols, and the bytes that are stored besides.

    `size_bytes` is about what it takes in the file, head and body together.
    """

    plan: Plan
    size_bytes: float
    matrices: tuple[Codes, ...] = ()
    stored: tuple[bytes, ...] = ()
