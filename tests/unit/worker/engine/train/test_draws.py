"""Numbers that depend on their place alone."""

import torch

from worker.engine.train.draws import normal, uniform


def test_the_words_are_those_of_splitmix64() -> None:
    # row -1 of key 0 starts the generator at 0; its first words are in every implementation:
    # e220a8397b1dcdaf 6e789e6aa1b965f4 06c45d188009454f
    drawn = uniform(0, torch.tensor([-1]), 3)[0] * 2**24
    assert drawn.tolist() == [0xE220A8, 0x6E789E, 0x06C45D]


def test_a_row_draws_the_same_in_any_company() -> None:
    together = uniform(9, torch.tensor([4, 70_000, 5]), 6)
    assert torch.equal(together[1], uniform(9, torch.tensor([70_000]), 6)[0])
    assert not torch.equal(together[0], together[2])
    assert not torch.equal(together, uniform(10, torch.tensor([4, 70_000, 5]), 6))


def test_they_spread_as_they_should() -> None:
    rows = torch.arange(4000)
    even, bell = uniform(1, rows, 5), normal(1, rows, 5)
    assert abs(even.mean() - 1 / 2) < 0.01
    assert abs(even.var() - 1 / 12) < 0.005
    assert abs(bell.mean()) < 0.03
    assert abs(bell.std() - 1) < 0.03
    assert abs(torch.corrcoef(even.T)[0, 1]) < 0.05
