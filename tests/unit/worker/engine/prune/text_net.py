"""Nets in ONNX's text form, with tensors given or random."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper, parser

from tests.unit.worker.engine.view.nets import WEIGHT


def text_net(
    inputs: str, outputs: str, body: str, opset: int = 18, **arrays: NDArray[np.generic]
) -> onnx.ModelProto:
    """`w_4x3` is a random tensor (4, 3) unless `arrays` gives it; `i_0_2_m1` are the integers
    0, 2 and -1."""
    header = f'<ir_version: 10, opset_import: ["": {opset}]>'
    model = parser.parse_model(f"{header} g ({inputs}) => ({outputs}) {{{body}}}")
    draw = np.random.default_rng(11)
    for name in dict.fromkeys(n for node in model.graph.node for n in node.input):
        if name in arrays:
            values = arrays[name]
        elif name.startswith("i_"):
            numbers = [int(n.replace("m", "-")) for n in name.split("_")[1:]]
            values = np.array(numbers, np.int64)
        elif found := WEIGHT.fullmatch(name):
            shape = [int(size) for size in found[2].split("x")]
            values = draw.standard_normal(shape).astype(np.float32)
        else:
            continue
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    onnx.checker.check_model(model, full_check=True)
    return model
