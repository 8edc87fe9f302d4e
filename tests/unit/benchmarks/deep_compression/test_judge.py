"""The judge of finished files."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from benchmarks.deep_compression.judge import ranks, score_of, spearman


@pytest.fixture
def doubling() -> ort.InferenceSession:
    """x (n, 2) -> x + x."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_equal_values_share_their_rank() -> None:
    assert ranks(np.array([30, 10, 30, 20])).tolist() == [2.5, 0, 2.5, 1]


def test_rank_correlation_sees_order_alone() -> None:
    # squared rank differences 0 1 1 0: 1 - 6 * 2 / (4 * 15)
    assert spearman(np.array([1, 5, 9, 900]), np.array([0, 8, 7, 9])) == pytest.approx(0.8)


def test_answers_are_counted_over_all_batches(doubling: ort.InferenceSession) -> None:
    inputs = np.tile(np.float32([[1, 0], [0, 1]]), (250, 1))
    labels = np.zeros(500, np.int64)
    labels[1] = 1
    assert score_of(doubling, {"x": inputs, "label": labels}) == (251 / 500, 251)


def test_pairs_are_judged_by_their_cosine(doubling: ort.InferenceSession) -> None:
    left = np.float32([[1, 0], [1, 0], [1, 0]])
    other = np.float32([[9, 0], [1, 1], [0, 1]])  # cosines 1, 0.7, 0
    found = score_of(doubling, {"a/x": left, "b/x": other, "label": np.array([5.0, 3.0, 4.0])})
    assert found == (pytest.approx(0.5), None)
