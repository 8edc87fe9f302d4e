"""Heads through the mixer: small, exact, the same for ever, and bounded whatever the bits."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import CorruptPacked
from lathe.packed import Limits
from lathe.packed.head.decode import HeadCoding, decode_head
from worker.engine.encode.coded_head import coded_head
from worker.engine.encode.pack import tokens_and_body


def net() -> bytes:
    """A convolution, an activation and a linear layer, their weights on a grid."""
    rng = np.random.default_rng(1)
    shapes = {"conv1.weight": (6, 1, 5, 5), "conv1.bias": (6,), "fc.weight": (3, 216)}
    weights = [
        numpy_helper.from_array(rng.integers(-2, 3, shape).astype(np.float32) / 8, name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node(
            "Conv", ["x", "conv1.weight", "conv1.bias"], ["conv2d"], strides=[2, 2]
        ),
        helper.make_node("Relu", ["conv2d"], ["relu"]),
        helper.make_node("Flatten", ["relu"], ["view"]),
        helper.make_node("Gemm", ["view", "fc.weight"], ["y"], transB=1),
    ]
    doors = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", ["batch", 1, 16, 16]), ("y", ["batch", 3]))
    ]
    graph = helper.make_graph(nodes, "main_graph", *doors, weights)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(
        graph, opset_imports=opsets, producer_name="pytorch", ir_version=8
    )
    return bytes(model.SerializeToString(deterministic=True))


@pytest.fixture(scope="module")
def coded() -> tuple[bytes, bytes]:
    onnx_file = net()
    tokens, _ = tokens_and_body(onnx_file, "fast")
    coding, head = coded_head(tokens, len(onnx_file))
    assert coding is HeadCoding.MIXED
    return onnx_file, head


def test_the_graph_of_a_usual_net_takes_less_than_a_fifth(
    coded: tuple[bytes, bytes],
) -> None:
    onnx_file, head = coded
    skeleton = decode_head(HeadCoding.MIXED, memoryview(head), len(onnx_file), Limits())
    assert len(skeleton.wire) == len(onnx_file) - 4 * (6 * 25 + 6 + 3 * 216)
    assert len(head) < len(skeleton.wire) / 5


def test_any_bits_are_a_head_or_refused(coded: tuple[bytes, bytes]) -> None:
    onnx_file, head = coded
    rng = np.random.default_rng(2)
    for _ in range(5):
        damaged = bytearray(head)
        damaged[int(rng.integers(len(head)))] ^= 1 << int(rng.integers(8))
        with pytest.raises(CorruptPacked):
            decode_head(HeadCoding.MIXED, memoryview(damaged), len(onnx_file), Limits())
    with pytest.raises(CorruptPacked):
        decode_head(HeadCoding.MIXED, memoryview(rng.bytes(200)), 10_000, Limits())


def test_a_graph_of_many_nodes_is_squeezed_instead() -> None:
    nodes = [helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"]) for i in range(3000)]
    model = helper.make_model(helper.make_graph(nodes, "g", [], []))
    onnx_file = model.SerializeToString()
    tokens, _ = tokens_and_body(onnx_file, "fast")
    coding, head = coded_head(tokens, len(onnx_file))
    assert coding is HeadCoding.SQUEEZED
    skeleton = decode_head(coding, memoryview(head), len(onnx_file), Limits())
    assert bytes(skeleton.wire) == onnx_file
    assert onnx.load_from_string(bytes(skeleton.wire)).graph.node[2999].input == ["v2999"]
