"""The two networks that Han, Mao and Dally (ICLR 2016) compress, and a teacher for both."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

LENET_300_100, LENET_5 = "lenet-300-100", "lenet-5"


class LeNet300(nn.Module):
    """784-300-100-10: 266,610 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, 300)
        self.fc2 = nn.Linear(300, 100)
        self.fc3 = nn.Linear(100, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, 28, 28) to (batch, 10) logits."""
        return self.fc3(functional.relu(self.fc2(functional.relu(self.fc1(x.flatten(1))))))


class LeNet5(nn.Module):
    """5x5 convolutions of 20 and 50 channels, then 800-500-10: 431,080 parameters.

    A ReLU follows each pooling, as in most re-implementations; Caffe's own net has none
    there, and the same weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, 10)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, 28, 28) to (batch, 10) logits."""
        x = functional.relu(functional.max_pool2d(self.conv1(x), 2))
        x = functional.relu(functional.max_pool2d(self.conv2(x), 2))
        return self.fc2(functional.relu(self.fc1(x.flatten(1))))


class Teacher(nn.Sequential):
    """Four 3x3 convolutions (24, 24 / 2, 48, 48 / 2 channels / stride) and 128 neurons."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for before, after, stride in ((1, 24, 1), (24, 24, 2), (24, 48, 1), (48, 48, 2)):
            conv = nn.Conv2d(before, after, 3, stride, 1, bias=False)
            layers += [conv, nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(48 * 7 * 7, 128)]
        layers += [nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10)]
        super().__init__(*layers)


STUDENTS: dict[str, type[nn.Module]] = {LENET_300_100: LeNet300, LENET_5: LeNet5}


def export(model: nn.Module, path: Path) -> None:
    """Write ONNX: `image` (batch, 1, 28, 28) to `digit` (batch, 10)."""
    torch.onnx.export(
        model.eval(),
        (torch.zeros(2, 1, 28, 28),),
        dynamo=True,
        opset_version=18,
        input_names=["image"],
        output_names=["digit"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    ).save(path, external_data=False)
