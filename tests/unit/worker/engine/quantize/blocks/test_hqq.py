"""The half-quadratic solver."""

import numpy as np
import pytest

from worker.engine.quantize.blocks.grid import Levels, first_scales, rounded
from worker.engine.quantize.blocks.hqq import half_quadratic

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def lost(weight: Floats, found: Floats, norm: float) -> Floats:
    """(rows,) in the norm's own power."""
    return (np.abs(weight - found) ** norm).sum(axis=1)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [2, 4])
def test_no_block_gets_worse_and_most_get_better(bits: int, *, symmetric: bool) -> None:
    draw = np.random.default_rng(1)
    weight = draw.standard_t(4, size=(40, 32)).astype(np.float32)
    first = first_scales(weight, Levels(bits, symmetric=symmetric), 32)
    better = half_quadratic(weight, first, 0.7, 20)
    before = lost(weight, rounded(weight, first).values, 0.7)
    after = lost(weight, rounded(weight, better).values, 0.7)
    assert (after <= before * (1 + 1e-5)).all()
    assert (after < 0.99 * before).mean() > 0.3


def test_the_scale_fits_the_many_rather_than_the_outlier() -> None:
    weight = np.array([[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 0.0, 3.6]], np.float32)
    first = first_scales(weight, Levels(2, symmetric=False), 8)
    assert first.scale[0, 0] == pytest.approx(1.2, rel=0.01)
    found = half_quadratic(weight, first, 0.7, 40)
    assert 0.95 < found.scale[0, 0] < 1.06
    assert found.zero.tolist() == [[0]]


def test_one_round_is_the_first_range() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 8)).astype(np.float32)
    first = first_scales(weight, Levels(3, symmetric=False), 4)
    found = half_quadratic(weight, first, 0.7, 1)
    assert np.array_equal(found.scale, first.scale)
    assert np.array_equal(found.zero, first.zero)


def test_zero_points_stay_whole_and_on_the_grid_and_symmetric_ones_where_they_are() -> None:
    weight = np.random.default_rng(2).normal(1.0, 1.0, size=(30, 16)).astype(np.float32)
    for symmetric in (True, False):
        first = first_scales(weight, Levels(2, symmetric=symmetric), 16)
        found = half_quadratic(weight, first, 0.7, 20)
        assert np.isin(found.zero, [0, 1, 2, 3]).all()
        assert not symmetric or (found.zero == 2).all()


def test_padding_has_no_say() -> None:
    weight = np.random.default_rng(3).standard_t(3, size=(20, 5)).astype(np.float32) + 1
    levels = Levels(2, symmetric=False)
    alone = half_quadratic(weight, first_scales(weight, levels, 5), 0.7, 20)
    padded = half_quadratic(weight, first_scales(weight, levels, 16), 0.7, 20)
    assert np.allclose(padded.scale, alone.scale)
    assert np.array_equal(padded.zero, alone.zero)
