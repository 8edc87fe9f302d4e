"""What an ONNX value is inside a view. Shape arithmetic never becomes a tensor."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import fx


@dataclass(frozen=True, slots=True)
class Known:
    """A constant that is not trained: integers, booleans, masks, single numbers."""

    array: NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Host:
    """A Python number or a flat list of them, computed from shapes while the view runs."""

    node: fx.Node


@dataclass(frozen=True, slots=True)
class Device:
    """A tensor."""

    node: fx.Node


Value = Known | Host | Device
