import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from worker.engine.graph.layers import layers
from worker.engine.graph.operators import operators
from worker.engine.graph.parameters import parameters
from worker.engine.graph.shapes import shapes


def _tensor(name: str, *shape: int, dtype: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def _model(
    nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto], shape: list[int | str]
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _net() -> onnx.ModelProto:
    return _model(
        [
            helper.make_node("Conv", ["x", "c.weight", "c.bias"], ["c"]),
            helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"]),
            helper.make_node("Flatten", ["n"], ["f"]),
            helper.make_node("Transpose", ["fc.weight"], ["t"], perm=[1, 0]),
            helper.make_node("MatMul", ["f", "t"], ["p"]),
            helper.make_node("Add", ["p", "fc.bias"], ["y"]),
        ],
        [
            _tensor("c.weight", 4, 3, 3, 2),
            _tensor("c.bias", 4),
            *(_tensor(name, 4) for name in "sbmv"),
            _tensor("fc.weight", 5, 24),
            _tensor("fc.bias", 5),
        ],
        ["batch", 3, 4, 4],
    )


def test_layers_are_named_after_their_weights_with_bias_and_macs() -> None:
    conv, linear = layers(_net())
    assert (conv.id, conv.operator, conv.weight_shape) == ("c.weight", "Conv", (4, 3, 3, 2))
    assert conv.parameters == 4 * 3 * 3 * 2 + 4
    assert conv.macs == 2 * 3 * 4 * 3 * 3 * 2
    assert (linear.id, linear.operator, linear.parameters) == ("fc.weight", "MatMul", 120 + 5)
    assert linear.macs == 24 * 5


def test_parameters_leave_running_statistics_out() -> None:
    assert parameters(_net()) == 72 + 4 + (4 + 4) + 120 + 5


def test_a_shared_weight_is_one_layer_with_summed_macs() -> None:
    model = _model(
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("MatMul", ["h", "w"], ["y"]),
        ],
        [_tensor("w", 3, 3)],
        ["n", 3],
    )
    (layer,) = layers(model)
    assert (layer.macs, layer.parameters) == (18, 9)
    assert parameters(model) == 9


def test_a_product_of_activations_is_no_layer_but_a_table_is() -> None:
    model = _model(
        [
            helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table", "i"], ["e"]),
            helper.make_node("Gather", ["vector", "i"], ["u"]),
            helper.make_node("MatMul", ["e", "e"], ["y"]),
        ],
        [_tensor("table", 7, 3), _tensor("vector", 7)],
        ["n", 3],
    )
    (layer,) = layers(model)
    assert (layer.id, layer.operator, layer.macs) == ("table", "Gather", 0)


def test_a_quantised_weight_is_found_behind_its_dequantisation() -> None:
    model = _model(
        [
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"], axis=0),
            helper.make_node("Gemm", ["x", "w"], ["y"], transB=1),
        ],
        [
            _tensor("q", 5, 3, dtype=np.int8),
            _tensor("scale", 5),
            _tensor("zero", 5, dtype=np.int8),
        ],
        ["n", 3],
    )
    (layer,) = layers(model)
    assert (layer.id, layer.weight_shape) == ("q", (5, 3))
    assert parameters(model) == 15


def test_shapes_are_of_one_example_and_follow_large_weights() -> None:
    model = _model(
        [helper.make_node("MatMul", ["x", "big"], ["y"])],
        [_tensor("big", 70, 90)],
        ["n", "t", 70],
    )
    known = shapes(model)
    assert known["y"] == (1, "t", 90)
    assert known["big"] == (70, 90)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"


def test_operators_are_counted_with_their_domain() -> None:
    net = _net()
    net.graph.node.append(helper.make_node("Gelu", ["y"], ["z"], domain="com.microsoft"))
    assert operators(net) == {
        "Add": 1,
        "BatchNormalization": 1,
        "Conv": 1,
        "Flatten": 1,
        "MatMul": 1,
        "Transpose": 1,
        "com.microsoft:Gelu": 1,
    }
