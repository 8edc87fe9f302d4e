"""How far answers are apart: probabilities by hand, and what is a probability."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.task import Task
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


def test_logits_of_any_size_and_sign_are_no_probabilities() -> None:
    # p = 5/8 1/4 1/8 and 1/6 1/3 1/2; q = 1/4 1/4 1/2 and the same
    p, q = np.float64([[5, 2, 1], [1, 2, 3]]), np.float64([[1, 1, 2], [1, 2, 3]])
    by_hand = (5 / 8 * np.log(2.5) + 1 / 8 * np.log(0.25)) / 2
    for size in (10, 700):
        assert kl_divergence(np.log(p) + size, np.log(q) + size) == pytest.approx(by_hand)
    nearly = np.float64([[0.5, 0.5015]])  # the sum of probabilities is 1 but for 0.001
    assert kl_divergence(nearly, nearly * 2) == pytest.approx(
        kl_divergence(nearly - 3, 2 * nearly - 3)
    )


def test_a_probability_of_nothing_counts_as_a_trillionth() -> None:
    sure, open_ = np.float64([[1, 0]]), np.float64([[0.5, 0.5]])
    assert kl_divergence(sure, open_) == pytest.approx(np.log(2))
    wanted = 0.5 * np.log(0.5) + 0.5 * np.log(0.5 / 1e-12)
    assert kl_divergence(open_, sure) == pytest.approx(wanted, rel=1e-6)


def test_the_classes_of_images_are_the_second_axis() -> None:
    images = [np.broadcast_to(y[:, :, None, None], (2, 2, 3, 5)) for y in (P, Q)]
    assert kl_divergence(*images) == pytest.approx(BY_HAND)


def net(weight: list[list[float]] | list[float]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", *np.shape(weight)[1:]])],
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


@pytest.mark.parametrize("weight", [[1.0, 2.0], [[1.0], [2.0]]])
def test_one_number_an_example_is_no_choice_among_classes(
    weight: list[list[float]] | list[float],
) -> None:
    task = Task(kind="classification")
    lone = Divergence.of_original(net(weight), Points(np.float32([[1, 2], [4, 3]])), task, 1)
    assert lone.name == "relative squared error"
