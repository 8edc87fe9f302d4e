"""Constants from constants: one node, evaluated as onnxruntime would."""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from worker.engine.session import open_session
from worker.engine.view.op import Op
from worker.engine.view.source import Source


def fold(
    source: Source, op: Op, inputs: list[NDArray[np.generic]]
) -> list[NDArray[np.generic]]:
    """Outputs of `op` for `inputs`, given for its non-empty input names in their order."""
    names = [name for name in dict.fromkeys(op.inputs) if name]
    arrays = dict(zip([name for name in op.inputs if name], inputs, strict=True))
    graph = helper.make_graph(
        [op.node],
        "fold",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(arrays[name].dtype), arrays[name].shape
            )
            for name in names
        ],
        [onnx.ValueInfoProto(name=name) for name in op.outputs if name],
    )
    model = helper.make_model(
        graph, opset_imports=source.model.opset_import, ir_version=source.model.ir_version
    )
    session = open_session(model)
    return [np.asarray(value) for value in session.run(None, arrays)]
