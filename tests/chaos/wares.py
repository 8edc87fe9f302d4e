"""What the clients bring: small real models, each with bytes of its own, and varied specs."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from examples.demo import MODEL
from tests.services.worker.nets import perceptron

_KINDS = 5
_SCORED_EVERY = 10  # one chain in so many is calibrated, evaluated and timed
_NOISE = 1e-3
_LARGE_WIDTH = 150_000  # 12 MB of weights: an upload to S3 in several parts


Step = dict[str, object]


def model(number: int) -> bytes:
    """The model of chain `number`. Every fifth is the shipped LeNet-5 itself, so that equal
    uploads meet; all others differ."""
    match number % _KINDS:
        case 0:
            return MODEL.read_bytes()
        case 1:
            return perceptron(number, width=48)
        case 2:
            return perceptron(number, width=768)
        case 3:
            return _convolutions(number)
        case _:
            return _another_lenet5(number)


def large_model(number: int) -> bytes:
    """A model of 12 MB."""
    return perceptron(number, width=_LARGE_WIDTH)


def scored(number: int) -> bool:
    """Whether the chain's job reads the data set."""
    return number % _SCORED_EVERY == 0  # all of them bring a LeNet-5


def spec(number: int, model_id: str, dataset_id: str) -> dict[str, object]:
    """The job of chain `number`; its label is how it is found again."""
    common: dict[str, object] = {
        "name": name(number),
        "labels": {"chain": name(number)},
        "model": model_id,
        "seed": number,
        "resources": {"priority": number % 10},
    }
    if scored(number):
        return common | {
            "data": {
                "calibration": {"dataset": dataset_id, "split": "train", "samples": 64},
                "evaluation": {"dataset": dataset_id, "split": "test", "samples": 200},
            },
            "task": {"kind": "classification"},
            "pipeline": [{"id": "int8", "technique": "quantize.static"}],
            "benchmark": {"runs": 10},
        }
    return common | {"task": None, "benchmark": None, "pipeline": _pipeline(number)}


def name(number: int) -> str:
    """The chain's name: its model's, its job's, and its label."""
    return f"chain-{number:03}"


def _pipeline(number: int) -> list[Step]:
    clean: Step = {"id": "clean", "technique": "optimize.graph"}
    slim: Step = {"id": "slim", "technique": "prune.channels", "keep_parameters": 0.7}
    integers: Step = {"id": "int8", "technique": "quantize.dynamic"}
    halves: Step = {"id": "half", "technique": "quantize.float"}
    match number // _KINDS % 4:
        case 0:
            return [integers]
        case 1:
            return [clean, integers]
        case 2:
            return [clean, slim, integers]
        case _:
            return [clean, halves]


def _another_lenet5(seed: int) -> bytes:
    """The shipped LeNet-5 with a little seeded noise on its weights."""
    net = onnx.load(MODEL)
    generator = np.random.default_rng(seed)
    for tensor in net.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.ndim > 1:
            noise = generator.standard_normal(values.shape, dtype=np.float32)
            noisy = values + np.float32(_NOISE) * noise
            tensor.CopyFrom(numpy_helper.from_array(noisy, tensor.name))
    data: bytes = net.SerializeToString()
    return data


def _convolutions(seed: int) -> bytes:
    """Two 3x3 convolutions and a linear layer on 8x8 images, weights seeded."""
    generator = np.random.default_rng(seed)

    def weight(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        fan_in = int(np.prod(shape[1:]))
        return generator.standard_normal(shape, dtype=np.float32) / np.float32(fan_in**0.5)

    tensors = {
        "conv1.weight": weight(12, 3, 3, 3),
        "conv2.weight": weight(20, 12, 3, 3),
        "fc.weight": weight(5, 20 * 8 * 8),
        "fc.bias": weight(5, 1)[:, 0],
    }
    nodes = [
        helper.make_node("Conv", ["x", "conv1.weight"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "conv2.weight"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "fc.weight", "fc.bias"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 5])],
        [numpy_helper.from_array(array, label) for label, array in tensors.items()],
    )
    net = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(net)
    data: bytes = net.SerializeToString()
    return data
