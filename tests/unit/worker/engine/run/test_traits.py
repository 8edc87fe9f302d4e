from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import EffectLost
from worker.engine.checkpoint import Checkpoint, QuantizedWeights, Trait
from worker.engine.run.traits import check_kept

GRID = QuantizedWeights(bits=8, symmetric=True, axis=0)


def checkpoint(
    operator: str,
    shape: tuple[int, ...],
    *,
    channels: int | None = None,
    grid: QuantizedWeights | None = None,
    lowered: bool = False,
    **attributes: Any,
) -> Checkpoint:
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "w"], ["y"], **attributes)],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.zeros(shape, dtype=np.float32), "w")],
    )
    traits = {"w": Trait(channels=channels, grid=grid)}
    return Checkpoint(helper.make_model(graph), traits, lowered=lowered)


@pytest.mark.parametrize(
    ("operator", "shape", "attributes"),
    [
        ("Conv", (5, 3, 2, 2), {}),
        ("ConvTranspose", (7, 5, 2, 2), {}),
        ("Gemm", (5, 3), {"transB": 1}),
        ("Gemm", (3, 5), {}),
        ("MatMul", (3, 5), {}),
    ],
)
def test_output_channels_are_counted_on_the_axis_of_the_operator(
    operator: str, shape: tuple[int, ...], attributes: dict[str, Any]
) -> None:
    kept = checkpoint(operator, shape, channels=5, **attributes)
    check_kept(kept, kept)
    wrong = checkpoint(operator, shape, channels=3, **attributes)
    with pytest.raises(EffectLost, match="should have 3 channels, but has 5"):
        check_kept(wrong, wrong)


def test_channels_may_shrink_but_not_come_back() -> None:
    wide, narrow = (checkpoint("Conv", (n, 3, 2, 2), channels=n) for n in (6, 4))
    check_kept(wide, narrow)
    with pytest.raises(EffectLost, match="came back"):
        check_kept(narrow, wide)


def test_a_forgotten_trait_is_a_lost_effect() -> None:
    pruned = checkpoint("Conv", (4, 3, 2, 2), channels=4)
    with pytest.raises(EffectLost, match="'w' lost"):
        check_kept(pruned, Checkpoint(pruned.model))


def test_a_layer_that_vanished_lost_its_channels() -> None:
    pruned = checkpoint("Conv", (4, 3, 2, 2), channels=4)
    with pytest.raises(EffectLost, match="has None"):
        check_kept(pruned, Checkpoint(onnx.ModelProto(), pruned.traits))


def test_integers_must_stay_on_their_grid() -> None:
    on_grid = checkpoint("Conv", (4, 3, 2, 2), grid=GRID, lowered=True)
    check_kept(on_grid, on_grid)
    with pytest.raises(EffectLost, match="left the integers"):
        check_kept(on_grid, checkpoint("Conv", (4, 3, 2, 2)))


def test_a_lowered_model_is_trusted_by_its_traits() -> None:
    pruned = checkpoint("Conv", (4, 3, 2, 2), channels=4)
    check_kept(pruned, Checkpoint(onnx.ModelProto(), pruned.traits, lowered=True))
