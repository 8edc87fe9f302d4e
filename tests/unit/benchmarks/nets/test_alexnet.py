"""Both AlexNets are what their docstrings say."""

import pytest
import torch
from torch import nn

from benchmarks.nets.alexnet import AlexNet, AlexNet32


def parameters(net: nn.Module, kind: type[nn.Module] = nn.Module) -> int:
    return sum(
        weight.numel()
        for module in net.modules()
        if isinstance(module, kind)
        for weight in module.parameters(recurse=False)
    )


@pytest.mark.parametrize(("make", "whole"), [(AlexNet, 57_044_810), (AlexNet32, 1_748_138)])
def test_nine_tenths_of_the_merged_nets_parameters_are_in_its_connected_layers(
    make: type[nn.Module], whole: int
) -> None:
    with torch.device("meta"):  # no weight is drawn
        net = make()
    scales = parameters(net, nn.BatchNorm2d) // 2  # the shifts become biases
    assert parameters(net) - scales == whole
    assert parameters(net, nn.Linear) > 0.9 * whole


def test_the_narrow_net_answers_an_image_of_32_pixels_a_side() -> None:
    with torch.no_grad():
        assert AlexNet32().eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
