"""What a step may use besides the model: data, teachers, the clock of progress, a seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from lathe.facts import IoSpec
from lathe.task import Task
from lathe.views import Progress
from worker.engine.train.state import Trainings

Arrays = dict[str, NDArray[np.generic]]


class Samples(Protocol):
    """One split of a data set as the model wants it: transformed, cast, batch first.

    Implemented by `worker.engine.data`; rows come from a memory map, never all at once.
    """

    @property
    def count(self) -> int:
        """How many examples."""
        ...

    @property
    def has_labels(self) -> bool:
        """Whether `labels` can be called."""
        ...

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        """Model inputs by name, each (len(rows), ...), in the model's dtypes."""
        ...

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        """Labels of these rows, first axis len(rows)."""
        ...


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """A progress listener that does nothing."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a step reads. `folder` is scratch space of this step alone.

    `seed` is the step's own; `hold_out_seed` is the same for every step of a job, so that no
    step is judged by examples that an earlier one has learnt from. `train_of` is the train
    split with the labels of each further task, by its name.
    """

    io: IoSpec
    folder: Path
    seed: int = 0
    hold_out_seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    threads: int = 1
    task: Task | None = None
    train: Samples | None = None
    train_of: Mapping[str, Samples] = field(default_factory=dict)
    calibration: Samples | None = None
    teachers: dict[str, onnx.ModelProto] = field(default_factory=dict)
    progress: Report = silent
    trainings: Trainings = field(default_factory=Trainings)
