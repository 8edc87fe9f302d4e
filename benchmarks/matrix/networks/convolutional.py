"""Convolutional nets in small: the shapes of the well-known ones, for 16 x 16 images."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.nets.resnet import Block


class ResNet(nn.Module):
    """He et al. 2016: six residual blocks of 16, 32 and 64 channels."""

    def __init__(self, classes: int = 8) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1))
        self.linear = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, h, w) to (batch, classes) logits."""
        x = functional.relu(self.bn1(self.conv1(x)))
        return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class InvertedResidual(nn.Module):
    """Sandler et al. 2018: 1 x 1 to more channels, 3 x 3 in each alone, 1 x 1 back."""

    def __init__(self, before: int, after: int, stride: int, expansion: int = 4) -> None:
        super().__init__()
        wide = before * expansion
        self.body = nn.Sequential(
            nn.Conv2d(before, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """(batch, before, h, w) to (batch, after, h / stride, w / stride)."""
        y = self.body(x)
        return x + y if self.adds else y


class MobileNetV2(nn.Sequential):
    """Seven inverted residual blocks, three of which add their input."""

    def __init__(self, classes: int = 8) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU6(),
            InvertedResidual(16, 16, 1),
            InvertedResidual(16, 24, 2),
            InvertedResidual(24, 24, 1),
            InvertedResidual(24, 32, 2),
            InvertedResidual(32, 32, 1),
            InvertedResidual(32, 48, 1),
            nn.Conv2d(48, 96, 1, bias=False),
            nn.BatchNorm2d(96),
            nn.ReLU6(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(96, classes),
        )


class AlexNet(nn.Sequential):
    """Krizhevsky et al. 2012: five convolutions, three poolings, three layers with dropout."""

    def __init__(self, classes: int = 8) -> None:
        super().__init__(
            nn.Conv2d(3, 24, 5, 1, 2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(48, 64, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(64, 48, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(48, 48, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(192, 256),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, classes),
        )


class UNet(nn.Module):
    """Ronneberger et al. 2015: down twice, up twice, each level joined across."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.down1, self.down2 = self._twice(1, 16), self._twice(16, 32)
        self.middle = self._twice(32, 64)
        self.rise2 = nn.ConvTranspose2d(64, 32, 2, 2)
        self.up2 = self._twice(64, 32)
        self.rise1 = nn.ConvTranspose2d(32, 16, 2, 2)
        self.up1 = self._twice(32, 16)
        self.last = nn.Conv2d(16, classes, 1)

    @staticmethod
    def _twice(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, h, w) to (batch, classes, h, w) logits of every pixel."""
        one = self.down1(x)
        two = self.down2(functional.max_pool2d(one, 2))
        deep = self.middle(functional.max_pool2d(two, 2))
        two = self.up2(torch.cat((self.rise2(deep), two), 1))
        return self.last(self.up1(torch.cat((self.rise1(two), one), 1)))


class TwoDoors(nn.Module):
    """An image and a row of numbers in; a class and a number out."""

    def __init__(self, classes: int = 8) -> None:
        super().__init__()
        self.eyes = nn.Sequential(
            nn.Conv2d(3, 24, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(4),
            nn.Flatten(),
        )
        self.scales = nn.Sequential(nn.Linear(6, 48), nn.ReLU())
        self.both = nn.Sequential(nn.Linear(192 + 48, 128), nn.ReLU())
        self.kind, self.price = nn.Linear(128, classes), nn.Linear(128, 1)

    def forward(self, image: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, 3, 16, 16) and (batch, 6) to (batch, classes) and (batch, 1)."""
        seen = self.both(torch.cat((self.eyes(image), self.scales(size)), 1))
        return self.kind(seen), self.price(seen)
