"""Whether two graphs are the same but for what no runtime reads."""

import numpy as np
import onnx

from worker.engine.onnx_file.array import array


def differs(before: onnx.ModelProto, after: onnx.ModelProto) -> bool:
    """Whether a node, or the name, shape, dtype or a value of an initializer is another one.
    Doc strings, metadata and recorded shapes do not count."""
    if [*before.graph.node] != [*after.graph.node]:
        return True
    old = {tensor.name: tensor for tensor in before.graph.initializer}
    new = {tensor.name: tensor for tensor in after.graph.initializer}
    if old.keys() != new.keys():
        return True
    return any(
        tensor.data_type != new[name].data_type
        or not np.array_equal(array(tensor), array(new[name]))
        for name, tensor in old.items()
    )
