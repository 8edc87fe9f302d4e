"""A model's tensors, to be compared."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


def arrays(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
