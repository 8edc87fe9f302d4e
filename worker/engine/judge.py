"""How much a changed net has lost, judged before anybody looks at the evaluation split.

With labels: the task's first metric on the held-out part of train, original minus changed; of
pairs training sees one side only, so that their labels judge nothing.
Without: how far the changed net's answers are from the original's, on examples that no layer
was fitted to, in the unit of the metric. For a classification that is the fraction of other
answers, which bounds the accuracy lost; for a similarity 1 - rank correlation of the
similarities of pairs; else the squared error over what the answers vary by. The pairs are
spread evenly over the similarities that occur: of examples paired at random nearly all are
unlike, and how those few degrees are ordered says little about a task.
"""

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray

from lathe.task import LOWER_IS_BETTER, Task
from worker.engine.context import Arrays, Context, Samples
from worker.engine.layerwise.calibration import Rows
from worker.engine.measure.answers import BATCH, all_answers
from worker.engine.measure.evaluate import evaluate
from worker.engine.measure.metrics import Floats, cosine, relative_error, spearman
from worker.engine.onnx_file.write import write_model
from worker.engine.train.hold_out import hold_out

HOLD_OUT = 0.1  # of train, as in training
BINS, PAIRS_A_BIN = 20, 25
LABELLED = {"classification", "regression", "reconstruction"}  # one side has no similarity
BY_ANSWER = Task(kind="none", metrics=("agreement",))


@dataclass(frozen=True, slots=True)
class Some:
    """Some rows of a split; implements Samples."""

    of: Samples
    rows: Rows

    @property
    def count(self) -> int:
        """How many examples."""
        return len(self.rows)

    @property
    def has_labels(self) -> bool:
        """Whether `labels` can be called."""
        return self.of.has_labels

    def inputs(self, rows: NDArray[np.int64]) -> Arrays:
        """Model inputs of these of the rows."""
        return self.of.inputs(self.rows[rows])

    def labels(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        """Labels of these of the rows."""
        return self.of.labels(self.rows[rows])


@dataclass(slots=True)
class Judge:
    """`drop` of a net against `original`, over `samples`; `metric` names what is lost."""

    original: onnx.ModelProto
    samples: Some
    task: Task
    by_labels: bool
    folder: Path
    threads: int
    before: float | None = field(default=None, init=False)  # the original's score

    @property
    def metric(self) -> str:
        """What the drop is a drop of."""
        if self.by_labels:
            return self.task.measured[0]
        return {"classification": "agreement", "none": "agreement"}.get(
            self.task.kind, f"{self.task.kind} to the original"
        )

    def drop(self, changed: onnx.ModelProto) -> float:
        """What `changed` loses; 0 and less is no loss."""
        if self.by_labels:
            if self.before is None:
                self.before = self._score(self.original, self.task)
            gained = self._score(changed, self.task) - self.before
            return gained if self.task.measured[0] in LOWER_IS_BETTER else -gained
        if self.task.kind in {"classification", "none"}:
            return 1.0 - self._score(changed, BY_ANSWER)
        before, after = self._answers(self.original), self._answers(changed)
        if self.task.kind == "similarity":
            first, second = _spread_pairs(before)
            return 1.0 - spearman(
                cosine(before[first], before[second]), cosine(after[first], after[second])
            )
        return relative_error(before, after)

    def _score(self, model: onnx.ModelProto, task: Task) -> float:
        with TemporaryDirectory(dir=self.folder) as scratch:
            file, reference = Path(scratch) / "judged.onnx", Path(scratch) / "original.onnx"
            write_model(model, file)
            write_model(self.original, reference)
            found = evaluate(
                file,
                self.samples,
                task,
                reference=reference,
                batch_size=BATCH,
                threads=self.threads,
            )
        return found.scores[task.measured[0]]

    def _answers(self, model: onnx.ModelProto) -> Floats:
        name = self.task.output or model.graph.output[0].name
        said = all_answers(model, self.samples, name, self.threads)
        return said.reshape(len(said), -1)


def judge(
    original: onnx.ModelProto, context: Context, hold_out_share: float, apart: Some | None
) -> Judge | None:
    """Who judges: by labels of train where the task has any, else by the examples `apart`;
    None where there is neither."""
    task, train = context.task or BY_ANSWER, context.train
    by_labels = train is not None and train.has_labels and task.kind in LABELLED
    if train is not None and by_labels:
        held = hold_out(train.count, hold_out_share, context.hold_out_seed).held
        apart = Some(train, held)
    if apart is None or not apart.count:
        return None
    return Judge(original, apart, task, by_labels, context.folder, context.threads)


def _spread_pairs(outputs: Floats) -> tuple[Rows, Rows]:
    """Pairs of examples, at most PAIRS_A_BIN of those whose cosine similarity lies in each of
    BINS equal parts of the range."""
    first, second = np.triu_indices(len(outputs), 1)
    alike = cosine(outputs[first], outputs[second])
    edges = np.linspace(alike.min(initial=1), alike.max(initial=-1), BINS + 1)[1:-1]
    part_of_range = np.searchsorted(edges, alike, side="right")
    chosen = []
    for part in range(BINS):
        found = np.flatnonzero(part_of_range == part)
        places = np.linspace(0, len(found) - 1, min(len(found), PAIRS_A_BIN))
        chosen.append(found[np.rint(places).astype(np.int64)])
    kept = np.concatenate(chosen)
    return first[kept], second[kept]
