"""A float tensor as it was before the quantizer saw the model."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from worker.engine.onnx_file.array import array


@dataclass(frozen=True, slots=True)
class Original:
    """A mapped tensor. `turned` where the quantizer is shown its transpose; `axis` is the one
    that may have a scale for each entry, of the shape that is shown."""

    tensor: onnx.TensorProto
    turned: bool = False
    axis: int = 0

    @property
    def values(self) -> NDArray[np.generic]:
        """The numbers in the shape that the quantizer is shown, as a view of the file."""
        values = array(self.tensor)
        return values.T if self.turned else values
