"""How far answers are apart: probabilities by hand, and what is a probability."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.job import Task
from tests.unit.worker.engine.points import Points
from worker.engine.sensitivity.divergence import Divergence, kl_divergence

P, Q = np.float64([[0.5, 0.5], [0.9, 0.1]]), np.float64([[0.25, 0.75], [0.9, 0.1]])
BY_HAND = (0.5 * np.log(2) + 0.5 * np.log(2 / 3)) / 2  # over two examples, the second the same


def test_divergence_is_the_mean_over_examples_of_the_originals_surprise() -> None:
    assert kl_divergence(P, Q) == pytest.approx(BY_HAND)
    assert kl_divergence(Q, P) == pytest.approx((0.25 * np.log(0.5) + 0.75 * np.log(1.5)) / 2)


def test_logits_mean_the_probabilities_that_they_make() -> None:
    shift = np.float64([[3], [-70]])
    assert kl_divergence(np.log(P) + shift, np.log(Q) + 2 * shift) == pytest.approx(BY_HAND)


def test_the_classes_of_images_are_the_second_axis() -> None:
    images = [np.broadcast_to(y[:, :, None, None], (2, 2, 3, 5)) for y in (P, Q)]
    assert kl_divergence(*images) == pytest.approx(BY_HAND)


def net(weight: list[list[float]]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(np.float32(weight), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_classification_is_measured_by_probabilities_and_the_rest_by_squares() -> None:
    original, changed = net([[1, 0], [0, 1]]), net([[1, 0], [0, 2]])
    samples = Points(np.log(P).astype(np.float32))
    chosen = Divergence.of_original(original, samples, Task(kind="classification"), 1)
    assert chosen.name == "KL divergence"
    squared = np.exp(np.log(P) * [1, 2])
    squared /= squared.sum(axis=1, keepdims=True)
    assert chosen.of(changed) == pytest.approx(kl_divergence(P, squared), rel=1e-5)
    assert chosen.of(original) == 0
    plain = Divergence.of_original(original, samples, Task(kind="none"), 1)
    assert plain.name == "relative squared error"
    assert plain.of(net([[np.inf, 0], [0, 1]])) == np.inf
