"""ResNet-20 on CIFAR-10 through HTTP: static int8, calibrated on train images.

The weights are akamaster/pytorch_resnet_cifar10's (BSD-2-Clause, 91.73 % top-1); the data
folder holds `models/akamaster_resnet_cifar10/resnet20-12fca82f.th` and `cifar10/`
(test_batch.png, data_batch_1.png and their label files, one image a row). Neither is part of
this repository.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.harness import Line, best, run, service, settle, value
from lathe.facts import Transform

PIXELS = Transform(
    scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), layout="nhwc"
)
SMALLER, FASTER, POINTS_LOST = 3.0, 1.8, 0.5


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


class ResNet20(nn.Module):
    """(batch, 3, 32, 32) to (batch, 10) logits; parameter names as in the published weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(Block(16, 16, 1) for _ in range(3)))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Features, global average, classifier."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def export(data: Path, path: Path) -> None:
    """The published weights as ONNX: `image` (batch, 3, 32, 32) to `logits` (batch, 10)."""
    weights = data / "models/akamaster_resnet_cifar10/resnet20-12fca82f.th"
    state = torch.load(weights, map_location="cpu", weights_only=True)["state_dict"]
    model = ResNet20().eval()
    model.load_state_dict({name.removeprefix("module."): w for name, w in state.items()})
    torch.onnx.export(
        model,
        (torch.zeros(2, 3, 32, 32),),
        dynamo=True,
        opset_version=18,
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    ).save(path, external_data=False)


def images(data: Path, part: str, labels: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(10000, 32, 32, 3) pixels and (10000,) labels of one batch file."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(data / "cifar10" / part) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(10_000, 32, 32, 3)
    answers = json.loads((data / "cifar10" / labels).read_text())[:10_000]
    return pixels, np.asarray(answers, np.int64)


def main() -> int:
    """Run; 0 when size, speed and accuracy keep their limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    with service() as (client, scratch):
        export(data, scratch / "resnet20.onnx")
        train, train_labels = images(data, "data_batch_1.png", "train_lables.json")
        test, test_labels = images(data, "test_batch.png", "test_lables.json")
        arrays = {
            "train/image": train[:2000],
            "train/label": train_labels[:2000],
            "test/image": test,
            "test/label": test_labels,
        }
        np.savez(scratch / "cifar10.npz", **arrays)
        model = client.upload_model(scratch / "resnet20.onnx")
        cifar = client.upload_dataset(scratch / "cifar10.npz", transforms={"image": PIXELS})
        spec = {
            "model": model.id,
            "data": {
                "calibration": {"dataset": cifar.id, "split": "train", "samples": 512},
                "evaluation": {"dataset": cifar.id, "split": "test"},
            },
            "task": {"kind": "classification"},
            "pipeline": [{"technique": "quantize.static"}],
            "constraints": [{"metric": "accuracy", "max_drop": POINTS_LOST / 100}],
            "benchmark": {"runs": 300},
        }
        report, file = run(client, spec, scratch)
        smaller = (scratch / "resnet20.onnx").stat().st_size / file.stat().st_size
    after = best(report)
    lost = 100 * (value(report.baseline, "accuracy") - value(after, "accuracy"))
    faster = value(report.baseline, "latency_ms", 1) / value(after, "latency_ms", 1)
    print(
        f"accuracy {value(report.baseline, 'accuracy'):.4f} -> {value(after, 'accuracy'):.4f}"
    )
    lines = [
        Line("times smaller than the upload", smaller, SMALLER, at_least=True),
        Line("times faster at batch 1", faster, FASTER, at_least=True),
        Line("points of accuracy lost", lost, POINTS_LOST, at_least=False),
    ]
    return settle("resnet20", lines, report)


if __name__ == "__main__":
    sys.exit(main())
