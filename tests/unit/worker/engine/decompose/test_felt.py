"""Moments of inputs and outputs by hand, and biases that take up the mean."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from lathe.techniques.decompose import DecomposeSvd
from tests.unit.worker.engine.decompose.lone import Floats, some, weights
from tests.unit.worker.engine.layerwise.graphs import made
from worker.engine.apply import apply
from worker.engine.checkpoint import Checkpoint, Trait
from worker.engine.context import Arrays, Context
from worker.engine.decompose.felt import Sums
from worker.engine.session import open_session, run

PAIRS = np.float32([[[1, 0], [3, 2]]])


class Given:
    has_labels = False

    def __init__(self, x: Floats) -> None:
        self.x, self.count = x, len(x)

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        return {"x": self.x[rows]}

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        raise AssertionError


def test_a_wide_matrix_is_known_by_its_outputs() -> None:
    sums = Sums(np.float32([[[1, 2]]]))
    sums.add(PAIRS[:, :1])
    sums.add(PAIRS[:, 1:])
    # outputs 1 and 7: mean square 25; of the inputs 7, so 3.5 a column; w w^T = 5
    assert sums.moments(centred=False) == pytest.approx(np.array([[[25 + 0.035 * 5]]]))
    # about the means 4 and (2, 1): 9, and (7 - 5) / 2 a column
    assert sums.moments(centred=True) == pytest.approx(np.array([[[9 + 0.01 * 5]]]))
    assert sums.mean.tolist() == [[2, 1]]


def test_a_tall_matrix_is_known_by_its_inputs() -> None:
    sums = Sums(np.float32([[[1, 2], [0, 1], [1, 1]]]))
    sums.add(PAIRS)
    assert sums.moments(centred=False) == pytest.approx(np.array([[[5.035, 3], [3, 2.035]]]))
    assert sums.moments(centred=True) == pytest.approx(np.array([[[1.01, 1], [1, 1.01]]]))


def test_inputs_that_are_always_zero_leave_the_weights_alone() -> None:
    sums = Sums(np.float32([[[1, 2]], [[1, 1]]]))
    sums.add(np.stack((np.zeros((2, 2), np.float32), PAIRS[0])))
    for centred in (False, True):
        assert sums.moments(centred=centred)[0] == pytest.approx(5)
        assert sums.moments(centred=centred)[1] != pytest.approx(2)


def lone(
    operator: str, tensors: Mapping[str, Floats], x: Floats, **said: Any
) -> onnx.ModelProto:
    nodes = [helper.make_node(operator, ["x", *tensors], ["y"], **said)]
    if operator == "MatMul":
        nodes = [
            helper.make_node("MatMul", ["x", "w"], ["p"]),
            helper.make_node("Add", ["p", "b"], ["y"]),
        ]
    return made(
        nodes,
        tensors,
        {"x": (TensorProto.FLOAT, ["n", *x.shape[1:]])},
        {"y": (TensorProto.FLOAT, ["n"] + [None] * (x.ndim - 1))},
    )


NETS = [
    ("Gemm", {"w": some(7, 5), "b": some(5)}, some(30, 7) + 2, {}),
    ("Gemm", {"w": some(9, 5), "b": some(9)}, some(30, 5) + 2, {"transB": 1}),
    ("MatMul", {"w": some(7, 5), "b": some(5)}, some(30, 4, 7) + 2, {}),
    ("Conv", {"w": some(8, 6, 3, 3), "b": some(8)}, some(9, 12, 5, 6) - 1, {"group": 2}),
]


@pytest.mark.parametrize(("operator", "tensors", "x", "said"), NETS)
def test_the_mean_of_the_outputs_stays(
    operator: str,
    tensors: Mapping[str, Floats],
    x: Floats,
    said: dict[str, Any],
    learning: Context,
) -> None:
    spec = DecomposeSvd.model_validate({"rank": {"by": "given", "rank": 2}, "whiten": True})
    model = lone(operator, tensors, x, **said)
    context = replace(learning, calibration=Given(x))
    done = apply(Checkpoint(model), spec, context).checkpoint.model
    before, after = (run(open_session(one), {"x": x})["y"] for one in (model, done))
    outputs = 1 if operator == "Conv" else x.ndim - 1
    rest = tuple(axis for axis in range(x.ndim) if axis != outputs)
    assert not np.allclose(before, after, atol=0.1)
    assert np.allclose(before.mean(rest), after.mean(rest), atol=1e-3)
    # a bias that an earlier step changed stays
    held = Checkpoint(model, {"b": Trait(codebook=len(tensors["b"]))})
    kept = apply(held, spec, context).checkpoint.model
    assert np.array_equal(weights(kept)["b"], tensors["b"])
    assert not np.array_equal(weights(done)["b"], tensors["b"])
