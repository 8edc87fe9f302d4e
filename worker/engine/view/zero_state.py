"""Values that are zero whatever the input is: an initial state that ONNX assumes anyway."""

import numpy as np

from worker.engine.onnx_file.array import array
from worker.engine.view.builder import Builder

PASSED_ON = {
    "Expand", "Slice", "Identity", "Unsqueeze", "Squeeze", "Reshape", "Cast", "Tile",
    "Transpose", "Split",
}  # fmt: skip


def is_zero(build: Builder, name: str) -> bool:
    """Whether a value is zero whatever the input, also behind Expand and its like."""
    values = build.source.array(name)
    if values is not None:
        return not np.any(values)
    maker = build.source.makers.get(name)
    if maker is None:
        return False
    if maker.op_type in PASSED_ON:
        return is_zero(build, maker.input[0])
    return maker.op_type == "ConstantOfShape" and not any(
        np.any(array(a.t)) for a in maker.attribute
    )
