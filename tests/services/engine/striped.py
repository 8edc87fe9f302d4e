"""Striped pictures, and a small convnet that tells them apart as it likes."""

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CLASSES, SIDE = 3, 12
Floats = NDArray[np.float32]


def convnet(rng: np.random.Generator) -> onnx.ModelProto:
    def weight(name: str, *shape: int) -> onnx.TensorProto:
        fan_in = int(np.prod(shape[1:])) or 1
        values = rng.standard_normal(shape) * (2 / fan_in) ** 0.5
        return numpy_helper.from_array(values.astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], pads=[1] * 4),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "fc.weight", "fc.bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])],
        [
            weight("conv1.weight", 16, 1, 3, 3),
            weight("conv1.bias", 16),
            weight("conv2.weight", 48, 16, 3, 3),
            weight("conv2.bias", 48),
            weight("fc.weight", CLASSES, 48),
            weight("fc.bias", CLASSES),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def images(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Stripes that lie or stand, of random strength, with noise on top."""
    stripes = (np.arange(SIDE) % 4 < 2).astype(np.float64)
    lying = np.broadcast_to(stripes[:, None], (SIDE, SIDE))
    pictures = np.where(rng.random((count, 1, 1)) < 0.5, lying, lying.T)
    strength = rng.uniform(0.1, 0.8, (count, 1, 1))
    values = pictures * strength + 0.2 * rng.random((count, SIDE, SIDE))
    return (values[:, None] * 255).astype(np.uint8)


def logits(model: onnx.ModelProto, pixels: NDArray[np.uint8]) -> Floats:
    session = ort.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rows = [
        session.run(None, {"image": row[None].astype(np.float32) / 255})[0] for row in pixels
    ]
    return np.asarray(np.concatenate(rows), dtype=np.float32)


def balanced(model: onnx.ModelProto, pixels: NDArray[np.uint8]) -> onnx.ModelProto:
    """The last bias set so that no class wins everywhere."""
    middle = np.median(logits(model, pixels), axis=0)
    bias = next(tensor for tensor in model.graph.initializer if tensor.name == "fc.bias")
    level = numpy_helper.to_array(bias) - middle
    bias.CopyFrom(numpy_helper.from_array(level.astype(np.float32), "fc.bias"))
    return model
