"""What a network of the matrix is: how it is made, what it learns and how it is judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Network:
    """`examples` draws arrays of a count of examples, the examples first in each: one by the
    name of every input, and `label`, or `label/<output>` of a net with several outputs."""

    name: str
    make: Callable[[], nn.Module]
    examples: Callable[[np.random.Generator, int], Arrays]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    task: Mapping[str, str]
    lr: float = 2e-3
    epochs: int = 4

    def label(self, arrays: Arrays, output: str) -> NDArray[np.generic]:
        """What `output` should have been; raises KeyError where nothing says so."""
        return arrays["label" if "label" in arrays else f"label/{output}"]

    @property
    def judged(self) -> str:
        """The output that the task is about."""
        return self.task.get("output", self.outputs[0])
