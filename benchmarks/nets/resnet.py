"""ResNets for CIFAR-10, weights of akamaster/pytorch_resnet_cifar10 (BSD-2-Clause)."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.nets import export

SIDE = 32
FILES = {20: "resnet20-12fca82f.th", 56: "resnet56-4bfd9763.th"}


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut that pads channels (option A of He et al. 2016)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.stride, self.padding = stride, (after - before) // 2

    def forward(self, x: Tensor) -> Tensor:
        """(batch, before, h, w) to (batch, after, h / stride, w / stride)."""
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        if self.padding:
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, self.padding, self.padding))
        return functional.relu(y + shortcut)


class ResNet(nn.Module):
    """(batch, 3, 32, 32) to (batch, 10) logits; parameter names as in the published weights.

    Three stages of `blocks` blocks: 3 are ResNet-20, 9 ResNet-56.
    """

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(blocks, 16, 16, 1)
        self.layer2 = _stage(blocks, 16, 32, 2)
        self.layer3 = _stage(blocks, 32, 64, 2)
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Features, global average, classifier."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def _stage(blocks: int, before: int, after: int, stride: int) -> nn.Sequential:
    first, more = Block(before, after, stride), range(blocks - 1)
    return nn.Sequential(first, *(Block(after, after, 1) for _ in more))


def published(data: Path, layers: Literal[20, 56] = 20) -> ResNet:
    """The trained net of the weights in the data folder: 91.73 % top-1 with 20 layers, 93.39
    with 56."""
    weights = data / "models/akamaster_resnet_cifar10" / FILES[layers]
    state = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
    model = ResNet((layers - 2) // 6).eval()
    model.load_state_dict({name.removeprefix("module."): w for name, w in state.items()})
    return model


def save(model: nn.Module, path: Path) -> None:
    """As ONNX: `image` (batch, 3, 32, 32) to `logits` (batch, 10)."""
    export.save(model, path, SIDE)
