"""Truncated singular value decompositions by hand, with and without inputs."""

import numpy as np
import pytest

from tests.unit.worker.engine.decompose.lone import some
from worker.engine.decompose.singular import basis, factors, gram

# 3 times (1, 0) (0.6, 0.8, 0)^T and 1 times (0, 1) (0, 0, 1)^T: singular values 3 and 1
WIDE = np.float32([[[1.8, 2.4, 0], [0, 0, 1]]])


@pytest.mark.parametrize("turned", [False, True])
def test_the_strongest_direction_is_kept_with_nine_tenths_of_the_squares(turned: bool) -> None:
    matrices = WIDE.transpose(0, 2, 1) if turned else WIDE
    found = basis(matrices)
    assert found.energies == pytest.approx(np.array([[9, 1]]))
    assert found.kept == pytest.approx(np.array([0.9, 1]))
    first, second = factors(matrices, found, 1)
    assert (first.shape, second.shape) == (
        ((1, 1, 2), (1, 3, 1)) if turned else ((1, 1, 3), (1, 2, 1))
    )
    whole = np.float32([[[1.8, 2.4, 0], [0, 0, 0]]])
    assert second @ first == pytest.approx(whole.transpose(0, 2, 1) if turned else whole)
    # each has the root of 3: its squares sum to 3
    assert np.square(first).sum() == pytest.approx(3)
    assert np.square(second).sum() == pytest.approx(3)
    first, second = factors(matrices, found, 2)
    assert second @ first == pytest.approx(matrices)


def test_groups_have_one_rank_and_their_energies_count_together() -> None:
    both = np.concatenate((WIDE, np.float32([[[2, 0, 0], [0, 2, 0]]])))
    assert basis(both).kept == pytest.approx(np.array([(9 + 4) / 18, 1]))
    first, second = factors(both, basis(both), 1)
    assert (second @ first)[0] == pytest.approx(np.array([[1.8, 2.4, 0], [0, 0, 0]]), abs=1e-6)
    assert np.square((second @ first)[1]).sum() == pytest.approx(4)


@pytest.mark.parametrize("turned", [False, True])
def test_inputs_decide_which_direction_matters(turned: bool) -> None:
    # the third input is 10 times as strong as the others: 1 of W becomes 10 and wins over 3
    deviations = np.array([1, 1, 10.0])
    if turned:
        matrices, felt = WIDE.transpose(0, 2, 1), np.diag([1, 100.0])[None]
        wanted = np.float32([[0, 0], [0, 0], [0, 1]])
    else:
        matrices, wide = WIDE, WIDE[0] * deviations
        felt = (wide @ wide.T)[None]
        wanted = np.float32([[0, 0, 0], [0, 0, 1]])
    found = basis(matrices, felt)
    assert found.energies == pytest.approx(np.array([[100, 9]]))
    first, second = factors(matrices, found, 1)
    assert (second @ first)[0] == pytest.approx(wanted, abs=1e-6)
    first, second = factors(matrices, found, 2)
    assert second @ first == pytest.approx(matrices, abs=1e-5)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3)])
def test_no_other_matrix_of_the_rank_loses_less_of_the_outputs(shape: tuple[int, int]) -> None:
    weight, x = some(1, *shape), some(50, shape[1], seed=8) @ some(shape[1], shape[1], seed=9)
    moments = (x.T @ x / 50).astype(np.float64)
    tall = shape[0] > shape[1]
    felt = moments if tall else weight[0] @ moments @ weight[0].T
    found = basis(weight, felt[None])
    first, second = factors(weight, found, 2)
    lost = np.square(x @ (weight - second @ first)[0].T).sum() / 50
    # Eckart and Young, on the outputs themselves
    outputs = np.linalg.svd(x @ weight[0].T, compute_uv=False)
    assert lost == pytest.approx(np.square(outputs[2:]).sum() / 50, rel=1e-3)
    assert 1 - found.kept[1] == pytest.approx(lost * 50 / np.square(outputs).sum(), rel=1e-3)


def test_weights_that_are_zero_stay_so() -> None:
    nothing = np.zeros((1, 2, 3), np.float32)
    assert basis(nothing).kept.tolist() == [1, 1]
    first, second = factors(nothing, basis(nothing), 1)
    assert not (second @ first).any()
    assert np.isfinite(first).all()


def test_the_gram_of_many_blocks_is_that_of_the_whole() -> None:
    wide = some(1, 3, 100_000)
    assert gram(wide)[0] == pytest.approx(wide[0].astype(np.float64) @ wide[0].T, rel=1e-9)


def test_singular_values_below_one_are_shared_by_both_factors_too() -> None:
    faint = WIDE / 4  # singular values 3/4 and 1/4
    found = basis(faint)
    assert found.kept == pytest.approx(np.array([0.9, 1]))
    first, second = factors(faint, found, 2)
    for place, value in enumerate((0.75, 0.25)):
        assert np.square(first[0, place]).sum() == pytest.approx(value)
        assert np.square(second[0, :, place]).sum() == pytest.approx(value)
