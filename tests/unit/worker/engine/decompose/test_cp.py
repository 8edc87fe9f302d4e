"""CP decompositions of kernels that are known sums, and of others."""

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.engine.decompose.cp import fit, highest, ladder


def whole(factors: tuple[NDArray[np.float64], ...]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("or,ir,yr,xr->oiyx", *factors))


def random_sum(rank: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(4)
    return whole(tuple(draw.normal(size=(n, rank)) for n in (6, 5, 3, 2)))


def test_a_sum_of_three_products_is_found_again() -> None:
    kernel = random_sum(3)
    found = fit(kernel, 3, 500, seed=0)
    assert found.energy > 0.9999
    assert whole(found.factors) == pytest.approx(kernel, abs=0.03)
    assert found.rounds < 500


def test_the_energy_is_that_of_the_sum() -> None:
    kernel = np.random.default_rng(2).normal(size=(6, 5, 3, 2))
    for rounds in (1, 30):
        found = fit(kernel, 4, rounds, seed=1)
        apart = np.square(kernel - whole(found.factors)).sum() / np.square(kernel).sum()
        assert found.energy == pytest.approx(1 - apart)
        assert found.rounds <= rounds
    assert fit(kernel, 4, 30, seed=1).energy > fit(kernel, 4, 1, seed=1).energy


def test_the_strongest_product_comes_first_and_its_factors_share_its_norm() -> None:
    kernel = np.zeros((3, 2, 2, 1))
    kernel[1, 0, 1, 0], kernel[2, 1, 0, 0] = 16, 2  # norms 16 = 2^4
    found = fit(kernel, 1, 100, seed=0)
    assert found.energy == pytest.approx(256 / 260, rel=1e-4)
    assert [float(np.linalg.norm(f)) for f in found.factors] == pytest.approx([2] * 4, rel=1e-3)


def test_the_same_seed_is_the_same_fit_and_more_rank_than_an_axis_is_drawn() -> None:
    kernel = random_sum(9)
    one, again = (fit(kernel, 8, 20, seed=3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.factors, again.factors, strict=True))
    assert not np.array_equal(one.factors[0], fit(kernel, 8, 20, seed=4).factors[0])


def test_ranks_that_are_tried_grow_by_half() -> None:
    assert ladder(13) == [1, 2, 3, 4, 6, 9, 13]
    assert ladder(12) == [1, 2, 3, 4, 6, 9]
    assert ladder(1) == [1]
    assert ladder(0) == []
    assert highest((6, 5, 3, 2)) == 30


def test_a_kernel_of_zeros_loses_nothing() -> None:
    found = fit(np.zeros((3, 2, 2, 2)), 2, 5, seed=0)
    assert found.energy == 1
    assert np.isfinite(found.factors[0]).all()
    assert whole(found.factors) == pytest.approx(0, abs=1e-12)


def test_the_energy_is_a_fraction_of_the_smallest_kernel_too() -> None:
    kernel = random_sum(3)
    faint, loud = fit(kernel / 100, 2, 10, seed=0), fit(kernel, 2, 10, seed=0)
    assert faint.energy == pytest.approx(loud.energy, rel=1e-6)
    assert loud.energy < 0.99
