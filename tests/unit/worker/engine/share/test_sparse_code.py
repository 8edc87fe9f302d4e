"""Sparse codes and orthonormal atoms."""

import numpy as np
import pytest

from worker.engine.share.dictionary_size import DictionarySize, dictionary_sizes
from worker.engine.share.sparse_code import largest, sparse_code

U, V = np.float32([0.6, 0.8, 0, 0]), np.float32([0, 0, 0, 1])


def test_the_largest_magnitudes_stay_where_they_are_and_of_equal_ones_the_earlier() -> None:
    values = np.array([[3.0, -5.0, 1.0], [2.0, -3.0, 0.0]])
    np.testing.assert_array_equal(largest(values, 2), [[3, -5, 0], [0, 0, 0]])
    np.testing.assert_array_equal(largest(values, 3), [[3, -5, 0], [0, -3, 0]])


def test_rows_that_are_multiples_of_two_atoms_need_one_code_each() -> None:
    weight = np.stack([5 * U, -3 * V, 2 * U])
    coded = sparse_code(weight, atoms=2, nonzeros=3, rounds=5)
    assert np.count_nonzero(coded.codes, axis=1).tolist() == [1, 1, 1]
    assert np.abs(coded.codes).max(axis=1) == pytest.approx([5, 3, 2], rel=1e-5)
    np.testing.assert_allclose(coded.codes @ coded.atoms, weight, atol=1e-5)
    assert coded.energy == pytest.approx(1)


def test_what_does_not_fit_is_what_the_energy_lacks() -> None:
    weight = np.stack([4 * U, 1 * V, 2 * U])
    one_atom = sparse_code(weight, atoms=1, nonzeros=3, rounds=5)
    assert one_atom.energy == pytest.approx(20 / 21)
    one_code = sparse_code(weight, atoms=2, nonzeros=1, rounds=5)
    assert one_code.energy == pytest.approx(16 / 21)


@pytest.mark.parametrize("size", [1, 1e-3])
def test_atoms_turn_away_from_the_singular_vectors_until_the_codes_are_sparse(
    size: float,
) -> None:
    weight = np.stack([4 * U, 5 * V, 6 * U, 5 * V, 2 * U + 2 * V]) * np.float32(size)
    turned = [sparse_code(weight, atoms=2, nonzeros=6, rounds=n).energy for n in (1, 2, 60)]
    assert turned[0] < turned[1] < turned[2]
    assert turned[2] > 0.9999


def test_no_round_is_taken_that_would_gain_nothing() -> None:
    weight = np.stack([5 * U, -3 * V, 2 * U])
    for settled in (weight, 0 * weight):
        assert sparse_code(settled, 2, nonzeros=3, rounds=10**9).energy == pytest.approx(1)


def test_atoms_are_the_least_squares_of_their_codes() -> None:
    weight = np.random.default_rng(3).normal(size=(40, 7)).astype(np.float32)
    coded = sparse_code(weight, atoms=5, nonzeros=90, rounds=4)
    assert np.count_nonzero(coded.codes) == 90
    lost = weight - coded.codes @ coded.atoms
    np.testing.assert_allclose(coded.codes.T @ lost, 0, atol=1e-4)
    assert coded.energy == pytest.approx(1 - np.sum(lost**2) / np.sum(weight**2), rel=1e-5)


def test_atoms_are_bounded_by_what_saves_and_codes_by_what_the_atoms_leave() -> None:
    assert dictionary_sizes(12, 6, 0.5) == [
        DictionarySize(1, 12),  # of 36 numbers 6 are the atom's; there are 12 codes
        DictionarySize(2, 24),
        DictionarySize(3, 18),  # 4 would cost 72 products, as many as the matrix
    ]
    assert dictionary_sizes(12, 6, 0.2) == [DictionarySize(1, 8), DictionarySize(2, 2)]
    assert dictionary_sizes(12, 1, 0.5) == []
