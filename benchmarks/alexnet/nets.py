"""Both nets with all that their jobs share: uploaded model and data, ranges, what is asked."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.alexnet.cases import NARROW, WHOLE, Asked, recovery
from benchmarks.alexnet.cifar import Cifar
from benchmarks.alexnet.ranges import IMAGE, ranges
from benchmarks.alexnet.training import narrow
from benchmarks.deep_compression.judge import Arrays
from benchmarks.deep_compression.stage import Stage
from benchmarks.nets.alexnet import AlexNet
from benchmarks.nets.export import save
from benchmarks.resnet20 import PIXELS, images
from worker.engine.data import transformed

SIDE = 224
LARGER = SIDE // 32  # times, of a CIFAR image
CALIBRATION = {NARROW: 512, WHOLE: 32}
RUNS = {NARROW: 200, WHOLE: 30}


@dataclass(frozen=True, slots=True)
class Net:
    """What a case is made from: `job` are the fields of a job beside its pipeline."""

    model: str
    asked: Asked
    job: dict[str, object]


def net(stage: Stage, name: str, seed: int) -> Net:
    """Made, trained where it is to be judged, and uploaded."""
    return _narrow(stage, seed) if name == NARROW else _whole(stage, seed)


def _narrow(stage: Stage, seed: int) -> Net:
    """Trained; judged by the 10,000 test images of CIFAR-10."""
    dense = narrow(stage.data, stage.build, seed, quick=stage.quick)
    train = Cifar.read(stage.data)
    test, test_labels = images(stage.data, "test_batch.png", "test_lables.json")
    arrays: Arrays = {
        "train/image": train.images,
        "train/label": train.labels,
        "test/image": test,
        "test/label": test_labels,
    }
    dataset = stage.dataset("cifar10", arrays, {IMAGE: PIXELS})
    learnt = train.rows(seed).train[: CALIBRATION[NARROW]]
    return Net(
        model=stage.model(dense),
        asked=Asked(
            ranges=ranges(dense, train.shown(learnt).numpy(), PIXELS),
            rank={"by": "energy", "energy": 0.8},
            keep_macs=0.6,
            keep_neurons=0.5,
            recover=recovery(quick=stage.quick),
            profile="small",
        ),
        job={
            "data": {
                "train": {"dataset": dataset, "split": "train"},
                "calibration": {
                    "dataset": dataset,
                    "split": "train",
                    "samples": CALIBRATION[NARROW],
                },
                "evaluation": {"dataset": dataset, "split": "test"},
            },
            "task": {"kind": "classification"},
            "benchmark": {"runs": RUNS[NARROW], "every_step": True},
        },
    )


def _whole(stage: Stage, seed: int) -> Net:
    """Random weights; nothing to judge, but calibrated and timed on images as large as it
    takes them."""
    dense = stage.scratch / f"whole-{seed}.onnx"
    if not dense.exists():
        torch.manual_seed(seed)
        save(AlexNet(), dense, SIDE)
    shown = enlarged(Cifar.read(stage.data).images[: CALIBRATION[WHOLE]])
    dataset = stage.dataset("enlarged", {"train/image": shown}, {IMAGE: PIXELS})
    return Net(
        model=stage.model(dense),
        asked=Asked(
            ranges=ranges(dense, transformed(shown, PIXELS, np.dtype(np.float32)), PIXELS),
            rank={"by": "budget", "keep_parameters": 0.4},
            keep_macs=0.6,
            keep_neurons=0.5,
            recover=[],
            profile="fast",
        ),
        job={
            "data": {"calibration": {"dataset": dataset, "split": "train"}},
            "benchmark": {"runs": RUNS[WHOLE], "every_step": True},
        },
    )


def enlarged(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n, 32, 32, 3) to (n, 224, 224, 3): each pixel seven times either way."""
    return small.repeat(LARGER, axis=1).repeat(LARGER, axis=2)
