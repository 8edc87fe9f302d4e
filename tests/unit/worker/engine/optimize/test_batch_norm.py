"""Merging BatchNormalization into the layer before it."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.place import is_mapped
from worker.engine.onnx_file.spill import Spill
from worker.engine.optimize.batch_norm import merge_batch_norms
from worker.engine.session import open_session, run

F32 = NDArray[np.float32]
NORM = {  # scale = gamma / sqrt(var + eps) = (2 / 2, 6 / 3)
    "gamma": np.array([2, 6], np.float32),
    "beta": np.array([10, 20], np.float32),
    "mean": np.array([1, 5], np.float32),
    "var": np.array([3, 8], np.float32),
}


def model(
    operator: str,
    arrays: dict[str, F32],
    inputs: list[str],
    shape: list[int],
    **attributes: float,
) -> onnx.ModelProto:
    """x -> `operator` -> BatchNormalization with epsilon 1 -> y."""
    nodes = [
        helper.make_node(operator, inputs, ["h"], **attributes),
        helper.make_node("BatchNormalization", ["h", *NORM], ["y"], epsilon=1.0),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, n) for n, a in {**arrays, **NORM}.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def arrays(of: onnx.ModelProto) -> dict[str, F32]:
    return {t.name: numpy_helper.to_array(t) for t in of.graph.initializer}


def test_a_conv_takes_scale_and_shift_worked_by_hand(spill: Spill) -> None:
    weight = np.array([[3], [4]], np.float32).reshape(2, 1, 1)
    net = model(
        "Conv", {"w": weight, "b": np.array([7, 8], np.float32)}, ["x", "w", "b"], [1, 5]
    )
    assert merge_batch_norms(net, frozenset(), spill) == 1
    assert [node.op_type for node in net.graph.node] == ["Conv"]
    assert net.graph.node[0].output[0] == "y"
    found = arrays(net)
    assert found["w"].ravel().tolist() == [3 * 1, 4 * 2]
    assert found["b"].tolist() == [1 * (7 - 1) + 10, 2 * (8 - 5) + 20]


def test_a_bias_that_was_missing_takes_the_name_of_the_shift(spill: Spill) -> None:
    net = model("Conv", {"w": np.ones((2, 1, 1), np.float32)}, ["x", "w"], [1, 5])
    merge_batch_norms(net, frozenset(), spill)
    assert list(net.graph.node[0].input) == ["x", "w", "beta"]
    assert arrays(net)["beta"].tolist() == [1 * (0 - 1) + 10, 2 * (0 - 5) + 20]


def test_a_gemm_divides_by_its_beta_because_it_will_multiply_with_it_again(
    spill: Spill,
) -> None:
    weight = np.array([[3, 4]], np.float32)
    net = model(
        "Gemm", {"w": weight, "b": np.array([7, 8], np.float32)}, ["x", "w", "b"], [1], beta=0.5
    )
    merge_batch_norms(net, frozenset(), spill)
    found = arrays(net)
    assert found["w"].tolist() == [[3, 8]]
    assert found["b"].tolist() == [2 * ((3.5 - 1) + 10), 2 * (2 * (4 - 5) + 20)]


@pytest.mark.parametrize(
    ("operator", "shape", "weight", "attributes"),
    [
        ("Conv", [3, 6], (2, 3, 3), {}),
        ("Conv", [2, 6], (2, 1, 3), {"group": 2}),
        ("ConvTranspose", [3, 6], (3, 2, 3), {}),
        ("ConvTranspose", [4, 6], (4, 1, 3), {"group": 2}),
        ("Gemm", [5], (5, 2), {"alpha": 0.25}),
        ("Gemm", [5], (2, 5), {"transB": 1}),
    ],
)
def test_the_function_stays(
    operator: str,
    shape: list[int],
    weight: tuple[int, ...],
    attributes: dict[str, float],
    spill: Spill,
) -> None:
    rng = np.random.default_rng(3)
    net = model(
        operator,
        {"w": rng.normal(size=weight).astype(np.float32)},
        ["x", "w"],
        shape,
        **attributes,
    )
    x = rng.normal(size=(2, *shape)).astype(np.float32)
    before = run(open_session(net), {"x": x})["y"]
    assert merge_batch_norms(net, frozenset(), spill) == 1
    np.testing.assert_allclose(run(open_session(net), {"x": x})["y"], before, atol=1e-5)


def test_a_weight_on_a_grid_or_read_twice_is_left_alone(spill: Spill) -> None:
    net = model("Conv", {"w": np.ones((2, 1, 1), np.float32)}, ["x", "w"], [1, 5])
    assert merge_batch_norms(net, frozenset({"w"}), spill) == 0
    net.graph.node.append(helper.make_node("Identity", ["w"], ["w_too"]))
    assert merge_batch_norms(net, frozenset(), spill) == 0


def test_a_layer_that_others_read_too_is_left_alone(spill: Spill) -> None:
    net = model("Conv", {"w": np.ones((2, 1, 1), np.float32)}, ["x", "w"], [1, 5])
    net.graph.node.append(helper.make_node("Relu", ["h"], ["other"]))
    assert merge_batch_norms(net, frozenset(), spill) == 0


def test_a_large_weight_is_scaled_in_its_file(spill: Spill) -> None:
    weight = np.arange(60_000, dtype=np.float32).reshape(30_000, 2)
    net = model("Gemm", {"w": weight}, ["x", "w"], [30_000])
    spill.take(net.graph.initializer[0])
    assert merge_batch_norms(net, frozenset(), spill) == 1
    scaled = net.graph.initializer[0]
    assert is_mapped(scaled)
    assert (array(scaled) == weight * [1, 2]).all()


def test_a_masked_weight_is_scaled_and_a_masked_bias_or_shift_stays(spill: Spill) -> None:
    weight = np.array([[0], [4]], np.float32).reshape(2, 1, 1)

    def fresh() -> onnx.ModelProto:
        return model(
            "Conv", {"w": weight, "b": np.array([0, 8], np.float32)}, ["x", "w", "b"], [1, 5]
        )

    for name in ("b", "beta", "mean"):
        assert merge_batch_norms(fresh(), frozenset(), spill, frozenset({name})) == 0
        assert merge_batch_norms(fresh(), frozenset({name}), spill) == 0
    net = fresh()
    assert merge_batch_norms(net, frozenset(), spill, frozenset({"w"})) == 1
    assert arrays(net)["w"].ravel().tolist() == [0, 4 * 2]
