"""What every contender for one model is given, and how its file is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lathe.facts import Transform

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Case:
    """One model. All of its files lie in `folder`.

    `examples` holds what peers calibrate on as the model's inputs; `dataset` the same and all
    else that Lathe is given, as its data set, with the splits calibration, held_out and, where
    somebody trains, train; nothing of the test part is in any. `one` is one example for timing.
    `longer` where contenders also do what takes long: half the work and training, coding.
    """

    name: str
    folder: Path
    task: str
    metric: str
    most_lost: float
    transforms: dict[str, Transform]
    one: Arrays
    runs: int
    score: Callable[[ort.InferenceSession], float]
    longer: bool = False

    @property
    def model(self) -> Path:
        """The float model that everybody compresses."""
        return self.folder / "model.onnx"

    @property
    def examples(self) -> Path:
        """Calibration examples as model inputs."""
        return self.folder / "examples.npz"

    @property
    def dataset(self) -> Path:
        """What is uploaded to Lathe."""
        return self.folder / "dataset.npz"
