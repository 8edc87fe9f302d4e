"""ResNets on CIFAR-10: 512 calibration images, 8,000 to train on, 10,000 to be judged on."""

from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.nets.resnet import published, save
from benchmarks.peers.case import Arrays, Case
from benchmarks.resnet20 import PIXELS, images

CALIBRATION, TRAIN = 512, 8000
MOST_LOST = 0.005
BATCH = 200
RUNS = 300


def cifar(data: Path, folder: Path, layers: Literal[20, 56] = 20) -> Case:
    """Write the files of the case into `folder`."""
    folder.mkdir()
    train, labels = images(data, "data_batch_1.png", "train_lables.json")
    test, test_labels = images(data, "test_batch.png", "test_lables.json")
    known: Arrays = {"image": train[:TRAIN], "label": labels[:TRAIN]}
    np.savez(folder / "images.npz", allow_pickle=False, **known)
    np.savez(folder / "examples.npz", image=_normal(train[:CALIBRATION]))
    parts: dict[str, Arrays] = {
        "train": known,
        "calibration": {"image": train[:CALIBRATION], "label": labels[:CALIBRATION]},
        "held_out": {"image": train[TRAIN:], "label": labels[TRAIN:]},
    }
    flat = {f"{part}/{name}": a for part, arrays in parts.items() for name, a in arrays.items()}
    np.savez(folder / "dataset.npz", allow_pickle=False, **flat)

    def score(session: ort.InferenceSession) -> float:
        hits = 0
        for begin in range(0, len(test), BATCH):
            here = slice(begin, begin + BATCH)
            logits = session.run(None, {"image": _normal(test[here])})[0]
            hits += int((logits.argmax(1) == test_labels[here]).sum())
        return hits / len(test)

    case = Case(
        name=f"ResNet-{layers}",
        folder=folder,
        task="classification",
        metric="accuracy",
        most_lost=MOST_LOST,
        transforms={"image": PIXELS},
        one={"image": _normal(test[:1])},
        runs=RUNS,
        score=score,
        longer=layers == 20,
    )
    save(published(data, layers), case.model)
    return case


def _normal(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(count, 32, 32, 3) bytes to (count, 3, 32, 32), as `PIXELS` tells Lathe to."""
    mean, deviation = (np.array(each, np.float32) for each in (PIXELS.mean, PIXELS.std))
    scaled = (pixels.astype(np.float32) / 255 - mean) / deviation
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2), np.float32)
