"""Tiny real ONNX models, each with bytes of its own."""

import io

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def perceptron(seed: int, width: int = 32) -> bytes:
    """A two-layer perceptron with seeded weights, batch axis symbolic."""
    generator = np.random.default_rng(seed)
    weights = {
        "fc1.weight": generator.standard_normal((16, width), dtype=np.float32),
        "fc1.bias": generator.standard_normal(width, dtype=np.float32),
        "fc2.weight": generator.standard_normal((width, 4), dtype=np.float32),
        "fc2.bias": generator.standard_normal(4, dtype=np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "fc2.weight", "fc2.bias"], ["y"]),
        ],
        "perceptron",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def examples(count: int) -> bytes:
    """An npz data set for `perceptron`: a train split with inputs and labels 0 to 3."""
    generator = np.random.default_rng(5)
    inputs = generator.standard_normal((count, 16), dtype=np.float32)
    labels = np.argmax(inputs[:, :4], axis=1).astype(np.int64)
    packed = io.BytesIO()
    np.savez(packed, **{"train/x": inputs, "train/label": labels})
    return packed.getvalue()
