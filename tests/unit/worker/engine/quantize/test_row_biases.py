"""Gemms whose C is not of the one shape that onnxruntime's quantizer reads."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lathe.task import Task
from lathe.techniques.quantize import QuantizeAware, QuantizeStatic
from tests.unit.worker.engine.points import Points
from tests.unit.worker.engine.prune.reading import arrays
from tests.unit.worker.engine.prune.text_net import text_net
from worker.engine.checkpoint import Checkpoint
from worker.engine.context import Context
from worker.engine.gate import same_function
from worker.engine.graph.io_spec import io_spec
from worker.engine.quantize.aware.train import quantize_aware
from worker.engine.quantize.row_biases import row_biases
from worker.engine.quantize.static.lower import quantize_static

BIASES: list[NDArray[np.float32]] = [
    np.float32([[3, -2, 7, 0.5, 4]]),
    np.float32([-3]),
    np.float32([[5]]),
    np.array(5, np.float32),
    np.arange(30, dtype=np.float32).reshape(6, 5),
    np.float32([[1], [2], [3], [-9], [5], [8]]),
]
SIX_ROWS, FIVE = "float[6,4] x", "float[6,5] y"


def gemm(body: str, **tensors: NDArray[np.generic]) -> onnx.ModelProto:
    return text_net(SIX_ROWS, FIVE, body, **tensors)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("weight", ["Gemm(x, w_4x5, c)", "Gemm<transB=1>(x, w_5x4, c)"])
@pytest.mark.parametrize("format_", ["qdq", "qoperator"])
def test_a_gemm_becomes_integers_whatever_its_bias_looks_like(
    bias: NDArray[np.float32],
    weight: str,
    format_: str,
    context: Callable[..., Context],
    sqnr: Callable[..., float],
) -> None:
    before = Checkpoint(gemm(f"y = {weight}", c=bias))
    x = np.random.default_rng(1).standard_normal((6, 4)).astype(np.float32)
    spec = QuantizeStatic.model_validate({"format": format_})
    outcome = quantize_static(before, spec, context(before, Points(x)))
    assert outcome.facts["layers_quantized"] == 1
    assert sqnr(before, outcome.checkpoint, {"x": x}) > 30


@pytest.mark.parametrize(
    ("bias", "row"),
    [
        (BIASES[0], [3, -2, 7, 0.5, 4]),
        (BIASES[1], [-3] * 5),
        (BIASES[2], [5] * 5),
        (BIASES[3], [5] * 5),
        (np.float32([3, 1, 2, 6, 9]), [3, 1, 2, 6, 9]),
    ],
)
def test_a_bias_becomes_a_row_of_all_outputs(
    bias: NDArray[np.float32], row: list[float]
) -> None:
    model = gemm("y = Gemm(x, w_4x5, c)", c=bias)
    row_biases(model)
    assert arrays(model)["c"].tolist() == row
    assert [node.op_type for node in model.graph.node] == ["Gemm"]


def test_other_readers_keep_the_shape_that_they_read() -> None:
    body = "h = Gemm(x, w_4x5, c) r = Mul(h, c) s = Shape(c) y = Expand(r, i_6_5)"
    model, before = gemm(body, c=BIASES[0]), gemm(body, c=BIASES[0])
    row_biases(model)
    assert arrays(model)["c"].shape == (1, 5)
    assert list(model.graph.node[0].input) == ["x", "w_4x5", "c_row"]
    assert arrays(model)["c_row"].tolist() == BIASES[0][0].tolist()
    same_function(before, model, [{"x": np.ones((6, 4), np.float32)}])


def test_a_gemm_that_is_trained_as_integers_may_have_such_a_bias(tmp_path: Path) -> None:
    body = "h = Gemm(x, w_4x5, b_1x5) r = Relu(h) y = Gemm(r, w_5x3, b_1x3)"
    model = text_net("float[N,4] x", "float[N,3] y", body)
    points = Points.around_centres(24, width=4)
    around = Context(
        io_spec(model), tmp_path, task=Task(kind="classification"), train=points,
        calibration=points,
    )  # fmt: skip
    spec = QuantizeAware(epochs=1, batch_size=8)
    outcome = quantize_aware(Checkpoint(model), spec, around)
    assert outcome.facts["layers_quantized"] == 2
