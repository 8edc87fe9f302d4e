"""What a compression job reads: data splits and teachers, opened once."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import onnx

from lathe.errors import DataMismatch
from lathe.facts import IoSpec
from lathe.job import Split
from lathe.techniques import AnyStep
from lathe.techniques.lessons import asked_models
from worker.engine.context import Samples
from worker.engine.data import Side, SplitSamples
from worker.engine.measure.evaluate import Pair
from worker.engine.onnx_file.read import read_model
from worker.wire import Compress


@dataclass(frozen=True, slots=True)
class Materials:
    """`teachers` holds "baseline" where a step asks for it, and the student of one. Of pairs,
    training and calibration read side a; evaluation reads both. What ends in `_of` are the
    same splits with the labels of each further task, by its name."""

    io: IoSpec
    train: SplitSamples | None
    calibration: SplitSamples | None
    evaluation: SplitSamples | Pair | None
    teachers: dict[str, onnx.ModelProto]
    train_of: dict[str, SplitSamples] = field(default_factory=dict)
    evaluation_of: dict[str, SplitSamples] = field(default_factory=dict)

    @classmethod
    def open(cls, task: Compress, folder_in: Path, steps: Iterable[AnyStep]) -> Self:
        """Map the splits of the job and load the models that `steps` name."""
        data = task.spec.data
        names = {name for step in steps for name in asked_models(step)}
        opener = _Opener(task, folder_in)
        return cls(
            io=task.model.facts.io,
            train=opener.samples(data.train),
            calibration=opener.samples(data.calibration),
            evaluation=opener.examples(data.evaluation),
            teachers={name: read_model(folder_in / opener.model(name)) for name in names},
            train_of=opener.for_each_further_task(data.train),
            evaluation_of=opener.for_each_further_task(data.evaluation),
        )

    @property
    def any_samples(self) -> Samples | None:
        """Some examples that the model takes, for checks that need no labels."""
        judged = self.evaluation.a if isinstance(self.evaluation, Pair) else self.evaluation
        return next((s for s in (self.calibration, judged, self.train) if s is not None), None)

    @property
    def groups(self) -> SplitSamples | None:
        """The evaluation samples, where they tell which group each example belongs to."""
        judged = self.evaluation.a if isinstance(self.evaluation, Pair) else self.evaluation
        if isinstance(judged, SplitSamples) and judged.has_groups:
            return judged
        return None


@dataclass(frozen=True, slots=True)
class _Opener:
    task: Compress
    folder_in: Path

    def model(self, name: str) -> str:
        """The file of a teacher."""
        staged = self.task.baseline if name == "baseline" else self.task.teachers[name]
        return staged.canonical

    def samples(self, split: Split | None) -> SplitSamples | None:
        """One side of a split."""
        if split is None:
            return None
        return self._open(split, "a" if self._is_paired(split) else None)

    def examples(self, split: Split | None) -> SplitSamples | Pair | None:
        """A split as evaluation wants it."""
        if split is None or not self._is_paired(split):
            return self.samples(split)
        return Pair(self._open(split, "a"), self._open(split, "b"))

    def for_each_further_task(self, split: Split | None) -> dict[str, SplitSamples]:
        """A split with the labels of each of them."""
        further = self.task.spec.task.also if self.task.spec.task else ()
        if split is None:
            return {}
        side: Side | None = "a" if self._is_paired(split) else None
        return {one.name: self._open(split, side, one.output) for one in further}

    def _is_paired(self, split: Split) -> bool:
        facts = self.task.datasets[split.dataset].facts.split(split.split)
        if facts is None:
            raise DataMismatch(f"the data set has no split {split.split!r}")
        first = self.task.model.facts.io.inputs[0].name
        return facts.field(f"a/{first}") is not None

    def _open(
        self, split: Split, side: Side | None, further: str | None = None
    ) -> SplitSamples:
        """`further` is the output of a task beside the first, which has labels of its own."""
        staged = self.task.datasets[split.dataset]
        spec = self.task.spec
        io = self.task.model.facts.io
        answer = spec.task.output if spec.task else None
        return SplitSamples.open(
            self.folder_in / staged.file,
            staged.facts,
            split,
            io,
            seed=spec.seed,
            side=side,
            output=further or answer or io.outputs[0].name,
            own_label=further is not None,
        )
