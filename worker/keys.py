"""The step cache's key: a hash of everything that a step's result depends on.

    sha256( input checkpoint, the step with every default filled in and its revision, its
            position, what it reads of each data set, its teachers, the task, the kind of
            device, the libraries' versions, the seed )

Whatever is left out here would let a stale checkpoint pass as fresh, so a doubtful thing is
put in: a needless miss costs time, a wrong hit costs trust.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import lathe
from lathe.facts import Transform
from lathe.job import JobSpec, Split
from lathe.techniques import AnyStep
from lathe.techniques.lessons import asked_models, trainings
from lathe.techniques.step import GIVEN, INPUTS
from lathe.techniques.train import Training

FORMAT = 3  # of checkpoint files: workers of another format neither read nor answer ours
_LIBRARIES = ("torch", "onnxruntime", "onnx", "onnxslim", "numpy", "torch-pruning")


@dataclass(frozen=True, slots=True)
class Content:
    """A data set as a step sees it: its bytes, and how arrays become inputs."""

    sha256: str
    transforms: Mapping[str, Transform]


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What all steps of one job share. `models` and `datasets` are keyed by id; `models`
    also holds "baseline"."""

    spec: JobSpec
    device: str
    models: Mapping[str, str]
    datasets: Mapping[str, Content]
    libraries: Mapping[str, str]

    def key(self, position: int, input_sha256: str) -> str:
        """The key of the step at `position` when it starts from `input_sha256`."""
        step = self.spec.pipeline[position]
        recipe = {
            "format": FORMAT,
            "input": input_sha256,
            "position": position,
            "step": step.model_dump(mode="json", exclude={"id"}),
            "revision": step.revision,
            "reads": [self._read(purpose, split) for purpose, split in reads(self.spec, step)],
            "teachers": self._teachers(step),
            "task": None if self.spec.task is None else self.spec.task.model_dump(mode="json"),
            "device": self.device,
            "libraries": dict(self.libraries),
            "seed": self.spec.seed,
        }
        text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _read(self, purpose: str, split: Split) -> dict[str, Any]:
        content = self.datasets[split.dataset]
        transforms = {name: t.model_dump(mode="json") for name, t in content.transforms.items()}
        return {
            "purpose": purpose,
            "sha256": content.sha256,
            "split": split.split,
            "samples": split.samples,
            "transforms": transforms,
        }

    def _teachers(self, step: AnyStep) -> list[str]:
        return [self.models[name] for name in asked_models(step)]


def reads(spec: JobSpec, step: AnyStep) -> list[tuple[str, Split]]:
    """The purposes and splits whose examples can change what `step` does."""
    wanted = {"train"} if any(trainings(step)) or step.looks_at else set()
    if step.needs.calibration or step.looks_at & (INPUTS | GIVEN):
        wanted.add("calibration")
    if isinstance(step, Training) and not step.needs.train:  # it takes what is given
        wanted.add("calibration")
    return [(purpose, split) for purpose, split in spec.data.splits() if purpose in wanted]


def library_versions() -> dict[str, str]:
    """The versions that shape a result, without loading the libraries."""
    return {"lathe": lathe.__version__} | {name: _version(name) for name in _LIBRARIES}


@cache
def _version(name: str) -> str:
    """Looked up once a process: a package is not exchanged under a running worker."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
