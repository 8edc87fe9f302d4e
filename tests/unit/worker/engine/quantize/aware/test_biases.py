"""Biases in units of the input's step times the channel's."""

import torch
from torch import nn

from worker.engine.quantize.aware.activations import Grid, Quantizer
from worker.engine.quantize.aware.biases import RoundedBias
from worker.engine.quantize.aware.learned_step import Integers
from worker.engine.quantize.aware.weights import SteppedWeight, Weight


def test_a_bias_is_a_whole_number_of_units_while_the_model_computes() -> None:
    weight = SteppedWeight(Weight("w", 0, nn.Parameter(torch.ones(2, 3))), Integers(-2, 1))
    weight.first = torch.tensor([[0.25], [3.0]])
    weight.factor.data = torch.tensor([[2.0], [1.0]])
    source = Quantizer(Grid(0.125, 7))
    source.factor.data.fill_(2.0)  # the units are 0.5 * 0.25 and 3 * 0.25
    parameter = nn.Parameter(torch.tensor([0.6, -2.0]))
    bias = RoundedBias(parameter, weight, source)
    bias.before()
    assert parameter.tolist() == [5 * 0.125, -3 * 0.75]
    parameter.grad = torch.tensor([5.0, 7.0])
    bias.after()
    assert torch.equal(parameter, torch.tensor([0.6, -2.0]))
    assert parameter.grad.tolist() == [5, 7]
