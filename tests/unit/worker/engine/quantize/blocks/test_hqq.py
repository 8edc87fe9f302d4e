"""The half-quadratic solver."""

import numpy as np
import pytest

from worker.engine.quantize.blocks.grid import Levels, Scales, first_scales, rounded
from worker.engine.quantize.blocks.hqq import _solved, half_quadratic

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


def of_block(*numbers: float) -> Floats:
    return np.array([[numbers]], np.float32)


@pytest.mark.parametrize(
    ("symmetric", "codes", "target", "zero", "wanted"),
    [
        # offsets 2 - 1, 3 - 2.4, 1 - 0: 1; then (1 0.5 + 2 1.2) / 5 = 0.58
        (False, (2, 3, 1), (0.5, 1.2, 0), 0, (1, 148 / 256)),
        # (1.2 + 0.4) / 2 = 0.8 about the zero point as it is
        (True, (2, 3, 1), (0.5, 1.2, -0.4), 2, (2, 205 / 256)),
        (True, (2, 2, 3), (0.1, 0.1, 0.6), 2, (2, 154 / 256)),  # one code that is not zero
    ],
)
def test_both_are_solved_for_in_closed_form(
    *,
    symmetric: bool,
    codes: tuple[int, ...],
    target: tuple[float, ...],
    zero: int,
    wanted: tuple[int, float],
) -> None:
    scale, point = _solved(
        of_block(*target),
        of_block(*codes),
        of_block(0.5),
        of_block(zero),
        of_block(1, 1, 1),
        Levels(2, symmetric=symmetric),
    )
    assert (point.item(), scale.item()) == wanted


def test_what_is_shrunk_of_the_errors_is_taken_off_the_weights() -> None:
    # codes -1 -1 -1 1, errors 0.2 (thrice) and 2, shrunk by |x|^-0.3 / 10 to 0.0379 and 1.9188:
    # (3 * 0.8379 + 1.0812) / 4 = 0.8988, which loses 2.27 in place of 2.60
    weight = np.float32([[-0.8, -0.8, -0.8, 3]])
    first = Scales(Levels(2, symmetric=True), 4, np.float32([[1]]), np.float32([[2]]))
    assert half_quadratic(weight, first, 0.7, 2).scale.tolist() == [[230 / 256]]
