"""ResNet-20 on CIFAR-10 through HTTP: static int8, calibrated on train images.

The weights are akamaster/pytorch_resnet_cifar10's (BSD-2-Clause, 91.73 % top-1); the data
folder holds `models/akamaster_resnet_cifar10/resnet20-12fca82f.th` and `cifar10/`
(test_batch.png, data_batch_1.png and their label files, one image a row). Neither is part of
this repository.
"""

import argparse
import json
import sys
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import Line, best, run, service, settle, value
from benchmarks.nets.resnet import published, save
from lathe.facts import Transform

PIXELS = Transform(
    scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), layout="nhwc"
)
BATCH, TRAIN_BATCHES = 10_000, 5
SMALLER, FASTER, POINTS_LOST = 3.0, 1.8, 0.5


def export(data: Path, path: Path) -> None:
    """The published weights as ONNX: `image` (batch, 3, 32, 32) to `logits` (batch, 10)."""
    save(published(data), path)


def images(data: Path, part: str, labels: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """(10000, 32, 32, 3) pixels and (10000,) labels of the first or only batch file."""
    answers = json.loads((data / "cifar10" / labels).read_text())[:BATCH]
    return _pixels(data / "cifar10" / part), np.asarray(answers, np.int64)


def train_images(data: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pixels and labels of data_batch_1.png and as many after it as are there."""
    first, *more = (data / "cifar10" / f"data_batch_{n + 1}.png" for n in range(TRAIN_BATCHES))
    batches = [_pixels(path) for path in (first, *takewhile(Path.exists, more))]
    answers = json.loads((data / "cifar10" / "train_lables.json").read_text())
    return np.concatenate(batches), np.asarray(answers[: BATCH * len(batches)], np.int64)


def _pixels(path: Path) -> NDArray[np.uint8]:
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).reshape(BATCH, 32, 32, 3)


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
