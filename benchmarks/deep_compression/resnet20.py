"""ResNet-20 on CIFAR-10: packed as it is with unlabelled images, and with recovery.

The published weights (91.73 %) and those train images that the data folder holds, 10,000 to
50,000, of which the recovery holds out a tenth. The light case reads 2,048 without labels, half
of them to judge by: of 512, half a point would be a single answer.
"""

import numpy as np

from benchmarks.deep_compression.rows import Row
from benchmarks.deep_compression.stage import Given, Stage
from benchmarks.deep_compression.steps import CROPS, PACK, Step, Steps
from benchmarks.resnet20 import PIXELS, export, images, train_images
from worker.engine.data import transformed

PARAMETERS = 269_722  # as published; batch norms are folded
LIGHT = "deep-compression"
CASES = (LIGHT, "recovered")
MAX_DROP = 0.005
UNLABELLED = 2048
COARSER = 0.105  # distortion: about a twentieth of the bytes


def given(stage: Stage, seed: int) -> Given:
    """Model and data uploaded."""
    train, train_labels = train_images(stage.data)
    test, test_labels = images(stage.data, "test_batch.png", "test_lables.json")
    arrays = {
        "train/image": train,
        "train/label": train_labels,
        "unlabelled/image": train[:UNLABELLED],
        "test/image": test,
        "test/label": test_labels,
    }
    dataset = stage.dataset("cifar10", arrays, {"image": PIXELS})
    shown = transformed(test, PIXELS, np.dtype(np.float32))
    dense = stage.scratch / "resnet20.onnx"
    if not dense.exists():
        export(stage.data, dense)
    return Given(
        subject="resnet-20",
        seed=seed,
        dense=dense,
        dense_bytes=4 * PARAMETERS,
        model=stage.model(dense),
        job={
            "data": {
                "train": {"dataset": dataset, "split": "train"},
                "calibration": {
                    "dataset": dataset,
                    "split": "unlabelled",
                    "samples": UNLABELLED,
                },
                "evaluation": {"dataset": dataset, "split": "test"},
            },
            "task": {"kind": "classification"},
        },
        test=stage.test("cifar10", {"image": shown, "label": test_labels}),
    )


def row(stage: Stage, case: str, seed: int) -> Row:
    """One of CASES."""
    start = given(stage, seed)
    if case == LIGHT:
        data = dict(start.job["data"])  # type: ignore[call-overload]
        del data["train"]
        limits = [{"metric": "accuracy", "max_drop": MAX_DROP}]
        return stage.row(start, case, "deep-compression", data=data, constraints=limits)
    return stage.row(start, case, recovered(quick=stage.quick))


def recovered(*, quick: bool) -> Steps:
    """Coarser codes than the light case bears, then a few epochs with the original as teacher
    and its logits alone: labels that the original knows by heart teach nothing."""
    share: Step = {
        "technique": "share.rate_distortion",
        "assignment": "feedback",
        "distortion": COARSER,
    }
    learn: Step = {
        "technique": "train.distill",
        "epochs": 1 if quick else 3,
        "batch_size": 128,
        "optimizer": {"kind": "adam", "lr": 5e-4},
        "loss": {"hard": 0, "logits": {"weight": 1, "temperature": 4}},
        "augment": CROPS,
    }
    return [share, learn, PACK]
