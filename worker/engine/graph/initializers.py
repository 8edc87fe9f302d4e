"""The constant tensors of a graph."""

import onnx


def initializers(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Every initializer of the main graph by its name, in file order; not copies."""
    return {tensor.name: tensor for tensor in model.graph.initializer}
