"""One price for a whole network, and the price that a size asks for."""

import pytest
import torch
from torch import nn

from worker.engine.rate.pricing import HIGHEST, coded_total, price_for, priced
from worker.engine.rate.result import Coded
from worker.engine.rate.tensors import Tensor


@pytest.fixture
def grids() -> list[Coded]:
    draw = torch.Generator().manual_seed(3)
    weight = torch.randn(20, 30, generator=draw)
    bias = torch.randn(20, generator=draw)
    return [
        Coded(Tensor("w", (nn.Parameter(weight),)), 0.5, 7),
        Coded(Tensor("b", (nn.Parameter(bias),)), 0.25, 127),
    ]


def latent(grids: list[Coded]) -> list[list[torch.Tensor]]:
    return [[p.detach().clone() for p in grid.tensor.parameters] for grid in grids]


def flat(grids: list[Coded]) -> list[list[torch.Tensor]]:
    return [[torch.ones_like(p.detach()) for p in g.tensor.parameters] for g in grids]


def test_biases_go_to_the_nearest_whatever_the_price(grids: list[Coded]) -> None:
    weights, biases = priced(grids, latent(grids), flat(grids), price=1e6)
    assert not weights[0].any()
    nearest = (grids[1].tensor.parameters[0].detach() / 0.25).round() * 0.25
    assert torch.equal(biases[0], nearest)


def test_the_price_for_a_size_is_the_lowest_that_reaches_it(grids: list[Coded]) -> None:
    now = coded_total(grids, latent(grids))
    price = price_for(grids, latent(grids), flat(grids), 0.7)
    assert coded_total(grids, priced(grids, latent(grids), flat(grids), price)) <= 0.7 * now
    below = priced(grids, latent(grids), flat(grids), price * 0.98)
    assert coded_total(grids, below) > 0.69 * now


def test_a_size_below_that_of_the_biases_has_no_price(grids: list[Coded]) -> None:
    assert price_for(grids, latent(grids), flat(grids), 1e-3) == pytest.approx(HIGHEST)
