from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lathe.errors import EffectLost
from worker.engine.checkpoint import Checkpoint, Multiples, QuantizedWeights, Trait
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


def floats(values: Any, trait: Trait, *, lowered: bool = False) -> Checkpoint:
    """x @ w with those values."""
    tensor = numpy_helper.from_array(np.array(values, np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [tensor],
    )
    return Checkpoint(helper.make_model(graph), {"w": trait}, lowered=lowered)


SPARSE, SHARED = Trait(sparse=True), Trait(codebook=2)


def test_zeros_of_a_mask_stay_zero_and_more_may_come() -> None:
    before = floats([[0, 2], [3, 0]], SPARSE)
    check_kept(before, floats([[0, 5], [0, 0]], SPARSE))
    with pytest.raises(EffectLost, match="zero came back"):
        check_kept(before, floats([[0, 2], [3, 0.01]], SPARSE))
    with pytest.raises(EffectLost, match="were forgotten"):
        check_kept(before, floats([[0, 2], [3, 0]], Trait()))


def test_a_mask_may_begin_where_there_was_none() -> None:
    check_kept(floats([[1, 2]], Trait()), floats([[0, 2]], SPARSE))


def test_a_mask_of_another_shape_has_no_more_weights_than_before() -> None:
    before = floats([[0, 2], [3, 0]], SPARSE)
    check_kept(before, floats([[0, 2]], SPARSE))
    with pytest.raises(EffectLost, match="zero came back"):
        check_kept(before, floats([[1, 2, 3]], SPARSE))


def test_what_shared_a_value_still_does_and_values_may_merge() -> None:
    before = floats([[1, 4, 1, 0]], SHARED)
    check_kept(before, floats([[3, -1, 3, 0]], SHARED))
    check_kept(before, floats([[3, 3, 3, 0]], Trait(codebook=1)))
    with pytest.raises(EffectLost, match="shared a value"):
        check_kept(before, floats([[3, 4, 4, 0]], SHARED))


def test_a_codebook_has_no_more_values_than_it_says() -> None:
    before = floats([[1, 2, 3]], Trait())
    with pytest.raises(EffectLost, match="codebook of 2 values, but holds 3"):
        check_kept(before, floats([[1, 2, 3]], SHARED))
    with pytest.raises(EffectLost, match="lost or grew"):
        check_kept(floats([[1, 1]], SHARED), floats([[1, 1]], Trait(codebook=3)))


def test_multiples_are_exact_and_within_the_most() -> None:
    third = float(np.float32(np.uint32(0x3EAB0000).view(np.float32)))  # a bfloat16 near 1/3
    trait = Trait(multiples=Multiples((third,), axis=None, most=3))
    good = np.float32([[3, -2, 0]]) * np.float32(third)
    check_kept(floats(good, trait), floats(good[:, ::-1], trait))
    for bad in (np.nextafter(good, np.float32(9)), good * 2):
        with pytest.raises(EffectLost, match="no multiple"):
            check_kept(floats(good, trait), floats(bad, trait))


def test_every_index_of_an_axis_has_its_own_step() -> None:
    values = [[0.5, 3, 1], [1.0, -6, 0]]
    check_kept(*[floats(values, Trait(multiples=Multiples((0.5, 3.0, 1.0), 1, 2)))] * 2)
    with pytest.raises(EffectLost, match="no multiple"):
        check_kept(*[floats(values, Trait(multiples=Multiples((0.5, 4.0, 1.0), 1, 2)))] * 2)
    with pytest.raises(EffectLost, match="no multiple"):  # three steps for two rows
        check_kept(*[floats(values, Trait(multiples=Multiples((0.5, 0.5, 0.5), 0, 2)))] * 2)


def test_steps_may_become_coarser_but_never_finer() -> None:
    fine = floats([[1, 2]], Trait(multiples=Multiples((1.0,), None, 7)))
    coarse = floats([[2, 2]], Trait(multiples=Multiples((2.0,), None, 7)))
    check_kept(fine, coarse)
    with pytest.raises(EffectLost, match="lost their steps"):
        check_kept(coarse, fine)
    with pytest.raises(EffectLost, match="lost their steps"):
        check_kept(fine, floats([[1, 2]], Trait(multiples=Multiples((1.0,), None, 8))))


def test_a_tensor_of_many_blocks_is_checked_to_its_end() -> None:
    values = np.tile(np.float32([0, 1, 2, 1]), 150_000).reshape(2, -1)  # 2.4 MB, blocks of 1 MB
    trait = Trait(sparse=True, codebook=2, multiples=Multiples((1.0,), None, 2))
    before = floats(values, trait)
    check_kept(before, before)
    for last, why in ((2.0, "shared a value"), (3.0, "codebook of 2")):
        wrong = values.copy()
        wrong[-1, -1] = last
        with pytest.raises(EffectLost, match=why):
            check_kept(before, floats(wrong, trait))


def test_values_of_a_lowered_model_are_not_compared() -> None:
    check_kept(
        floats([[0, 1]], SPARSE), Checkpoint(onnx.ModelProto(), {"w": SPARSE}, lowered=True)
    )
