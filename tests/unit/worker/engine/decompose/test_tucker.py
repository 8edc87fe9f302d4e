"""Tucker-2 of kernels whose channels are known to be few, and what iterations add."""

import numpy as np
import pytest

from tests.unit.worker.engine.decompose.lone import some
from worker.engine.decompose.tucker import bases, factors, kept


def test_the_table_says_what_every_pair_of_ranks_keeps() -> None:
    # the core is diagonal: 3 at (output 2, input 0), 1 at (output 0, input 1), in one point
    kernel = np.zeros((3, 2, 1), np.float32)
    kernel[2, 0, 0], kernel[0, 1, 0] = 3, 1
    table = kept(kernel, bases(kernel))
    assert table == pytest.approx(np.array([[0.9, 0.9], [0.9, 1], [0.9, 1]]))
    outputs, core, inputs, energy = factors(kernel, bases(kernel), (1, 1), 0)
    assert energy == pytest.approx(0.9)
    assert np.abs(outputs[:, 0]) == pytest.approx([0, 0, 1])
    assert np.abs(inputs[:, 0]) == pytest.approx([1, 0])
    assert np.einsum("oa,abp,ib->oip", outputs, core, inputs)[2, 0] == pytest.approx([3])


def test_few_channels_of_a_kernel_are_found_whole() -> None:
    kernel = np.einsum("oa,abp,ib->oip", some(6, 2), some(2, 3, 5, seed=2), some(4, 3, seed=3))
    table = kept(kernel, bases(kernel))
    assert table[1, 2] == pytest.approx(1)
    assert table[1, 1] < 0.99
    assert table[0, 2] < 0.99
    outputs, core, inputs, energy = factors(kernel, bases(kernel), (2, 3), 3)
    assert (outputs.shape, core.shape, inputs.shape) == ((6, 2), (2, 3, 5), (4, 3))
    assert np.einsum("oa,abp,ib->oip", outputs, core, inputs) == pytest.approx(kernel, abs=1e-5)
    assert energy == pytest.approx(1)


def test_iterations_keep_more_and_say_how_much() -> None:
    kernel = some(7, 6, 4, seed=5)
    found = bases(kernel)
    *_, truncated = factors(kernel, found, (2, 2), 0)
    outputs, core, inputs, improved = factors(kernel, found, (2, 2), 50)
    assert truncated == pytest.approx(kept(kernel, found)[1, 1])
    assert improved > truncated + 0.01
    apart = kernel - np.einsum("oa,abp,ib->oip", outputs, core, inputs)
    assert 1 - improved == pytest.approx(np.square(apart).sum() / np.square(kernel).sum())


def test_a_kernel_of_zeros_loses_nothing() -> None:
    nothing = np.zeros((3, 2, 4), np.float32)
    assert kept(nothing, bases(nothing)).tolist() == [[1, 1]] * 3
    assert factors(nothing, bases(nothing), (1, 1), 2)[3] == 1


def test_singular_values_come_in_squares_the_largest_first() -> None:
    kernel = np.zeros((3, 2, 1), np.float32)
    kernel[2, 0, 0], kernel[0, 1, 0] = 0.5, 3
    found = bases(kernel)
    assert found.output_energies == pytest.approx([9, 0.25, 0])
    assert found.input_energies == pytest.approx([9, 0.25])


def test_what_is_kept_is_a_fraction_of_the_smallest_kernel_too() -> None:
    kernel = some(4, 3, 5, seed=7)
    faint = kernel / 100
    assert kept(faint, bases(faint)) == pytest.approx(kept(kernel, bases(kernel)), rel=1e-4)
    *_, energy = factors(faint, bases(faint), (2, 1), 0)
    assert energy == pytest.approx(kept(kernel, bases(kernel))[1, 0], rel=1e-4)


def test_no_round_is_taken_that_would_gain_nothing() -> None:
    kernel = some(4, 3, 2, seed=5)
    for settled in (kernel, 0 * kernel):
        *_, energy = factors(settled, bases(settled), (4, 3), 10**9)
        assert energy == pytest.approx(1)
