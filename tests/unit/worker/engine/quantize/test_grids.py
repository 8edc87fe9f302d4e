"""Reading grids back from the tensors that a quantizer leaves."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from lathe.facts import LayerSpec
from worker.engine.checkpoint import QuantizedWeights
from worker.engine.quantize.grids import weight_grids


def holding(**tensors: NDArray[np.generic]) -> onnx.ModelProto:
    stored = [numpy_helper.from_array(np.asarray(a), n) for n, a in tensors.items()]
    return helper.make_model(helper.make_graph([], "g", [], [], stored))


def layer(operator: str, *shape: int) -> tuple[LayerSpec, ...]:
    size = int(np.prod(shape))
    return (LayerSpec(id="w", operator=operator, weight_shape=shape, parameters=size),)


@pytest.mark.parametrize(
    ("operator", "shape", "scales", "axis"),
    [
        ("Conv", (4, 3, 3, 3), 4, 0),
        ("MatMul", (4, 4), 4, 1),
        ("Gemm", (6, 5), 5, 1),
        ("Conv", (4, 3, 3, 3), 1, None),
    ],
)
def test_the_axis_is_the_one_with_a_scale_for_each_entry(
    operator: str, shape: tuple[int, ...], scales: int, axis: int | None
) -> None:
    lowered = holding(
        w_quantized=np.ones(shape, np.int8),
        w_scale=np.ones(scales, np.float32),
        w_zero_point=np.zeros(scales, np.int8),
    )
    found = weight_grids(layer(operator, *shape), lowered)
    assert found == {"w": QuantizedWeights(8, symmetric=True, axis=axis)}


def test_a_weight_that_is_also_kept_in_floats_is_float() -> None:
    lowered = holding(
        w=np.ones((2, 2), np.float32),
        w_quantized=np.ones((2, 2), np.int8),
        w_scale=np.float32(1),
        w_zero_point=np.int8(0),
    )
    assert weight_grids(layer("Conv", 2, 2), lowered) == {}


def test_unsigned_weights_are_not_symmetric() -> None:
    lowered = holding(
        w_quantized=np.ones((2, 2), np.uint8), w_scale=np.float32(1), w_zero_point=np.uint8(0)
    )
    found = weight_grids(layer("Conv", 2, 2), lowered)
    assert found["w"] == QuantizedWeights(8, symmetric=False, axis=None)
