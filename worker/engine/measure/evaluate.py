"""Run a file over the evaluation split and judge its outputs by the job's task."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from lathe.errors import DataMismatch, StepImpossible
from lathe.task import OneTask
from lathe.views import Progress
from worker.engine.context import Report, Samples, silent
from worker.engine.measure.answers import Rows, answers, fixed_batch
from worker.engine.measure.judgement import (
    Classified,
    Compared,
    Judgement,
    Reconstructed,
    Regressed,
    Similar,
)
from worker.engine.measure.metrics import Floats, Ints, cosine
from worker.engine.session import open_session

Array = NDArray[np.generic]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two inputs an example, of which the task judges the similarity; labels come from `a`."""

    a: Samples
    b: Samples


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The scores of one file and what they were taken of, example by example; `also` holds
    those of further tasks by their names."""

    examples: int
    scores: dict[str, float]
    judgement: Judgement
    also: dict[str, "Evaluation"] = field(default_factory=dict)


def evaluate(
    model: Path,
    data: Samples | Pair,
    task: OneTask,
    *,
    reference: Path | None = None,
    batch_size: int = 32,
    threads: int = 1,
    progress: Report = silent,
) -> Evaluation:
    """Every metric of `task` over all of `data`; memory is one batch and the answers kept.

    `reference` is the file that `agreement` and `sqnr_db` compare with, as a rule the
    baseline's; default `model` itself. Raises DataMismatch where the outputs do not fit the
    task or the labels, StepImpossible where the model answers NaN or infinity.
    """
    session = open_session(model, threads=threads, as_deployed=True)
    compared = task.kind in ("classification", "none") and reference not in (None, model)
    original = None
    if reference and compared:
        original = open_session(reference, threads=threads, as_deployed=True)
    walk = _Walk(session, original, task.output, batch_size, progress)
    judgement = _judged(walk, data, task)
    scores = {metric: judgement.score(metric) for metric in task.measured}
    return Evaluation(data.a.count if isinstance(data, Pair) else data.count, scores, judgement)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What some examples were answered, and what the reference said to them."""

    rows: Rows
    said: Array
    original: Array


@dataclass(frozen=True, slots=True)
class _Walk:
    """One pass over samples with the model and, where it is another one, the reference."""

    session: ort.InferenceSession
    reference: ort.InferenceSession | None
    output: str | None
    batch_size: int
    progress: Report

    def batches(self, samples: Samples) -> Iterator[_Batch]:
        name = self.output or self.session.get_outputs()[0].name
        size = fixed_batch(self.session) or self.batch_size
        ours = answers(self.session, samples, batch_size=size)
        if self.reference is None:
            for rows, said in ours:
                yield _Batch(rows, self.seen(samples, rows, said[name]), said[name])
            return
        theirs = answers(self.reference, samples, batch_size=size)
        for (rows, said), (_, original) in zip(ours, theirs, strict=True):
            yield _Batch(rows, self.seen(samples, rows, said[name]), original[name])

    def seen(self, samples: Samples, rows: Rows, said: Array) -> Array:
        if said.dtype.kind == "f" and not np.isfinite(said).all():
            raise StepImpossible(
                f"the model answers NaN or infinity between the examples {rows[0]} and "
                f"{rows[-1]}; use a wider number type or exclude the layers that overflow"
            )
        done = int(rows[-1]) + 1
        self.progress(
            Progress(
                fraction=done / samples.count,
                current=done,
                total=samples.count,
                unit="examples",
                message="evaluating",
            )
        )
        return said


def _judged(walk: _Walk, data: Samples | Pair, task: OneTask) -> Judgement:
    if isinstance(data, Pair):
        if task.kind != "similarity":
            raise DataMismatch(f"the task {task.kind!r} judges single examples, not pairs")
        return _similar(walk, data)
    match task.kind:
        case "classification":
            return _classified(walk, data)
        case "regression":
            return _regressed(walk, data)
        case "reconstruction":
            return _reconstructed(walk, data)
        case "none":
            return _compared(walk, data)
        case "similarity":
            raise DataMismatch("similarity judges pairs: give the arrays as a/... and b/...")
        case _:
            assert_never(task.kind)


def _classified(walk: _Walk, samples: Samples) -> Classified:
    chosen, originals, labels, classes = [], [], [], 0
    for batch in walk.batches(samples):
        truth = _flat(samples.labels(batch.rows)).astype(np.int64)
        if batch.said.shape == truth.shape and batch.said.dtype.kind in "iu":
            chosen.append(batch.said.astype(np.int64))
            originals.append(batch.original.astype(np.int64))
            classes = max(classes, int(chosen[-1].max()) + 1, int(truth.max()) + 1)
        else:
            axis = _class_axis(batch.said, truth)
            chosen.append(batch.said.argmax(axis=axis))
            originals.append(batch.original.argmax(axis=axis))
            classes = batch.said.shape[axis]
        labels.append(truth)
    return Classified(
        np.concatenate(chosen), np.concatenate(labels), classes, np.concatenate(originals)
    )


def _regressed(walk: _Walk, samples: Samples) -> Regressed:
    said, wanted = [], []
    for batch in walk.batches(samples):
        said.append(_table(batch.said))
        wanted.append(_fitting(_table(samples.labels(batch.rows)), said[-1]))
    return Regressed(np.concatenate(said), np.concatenate(wanted))


def _similar(walk: _Walk, pair: Pair) -> Similar:
    a = np.concatenate([_table(batch.said) for batch in walk.batches(pair.a)])
    similarities, labels = [], []
    for batch in walk.batches(pair.b):
        similarities.append(cosine(a[batch.rows], _table(batch.said)))
        labels.append(pair.a.labels(batch.rows).reshape(len(batch.rows)).astype(np.float64))
    return Similar(np.concatenate(similarities), np.concatenate(labels))


def _reconstructed(walk: _Walk, samples: Samples) -> Reconstructed:
    """Targets are the labels, or without labels the model's only input."""
    squared, low, high = [], np.inf, -np.inf
    for batch in walk.batches(samples):
        if samples.has_labels:
            target = samples.labels(batch.rows)
        else:
            inputs = samples.inputs(batch.rows)
            if len(inputs) != 1:
                raise DataMismatch("a model with several inputs needs labels to reconstruct")
            (target,) = inputs.values()
        wanted = _fitting(_table(target), _table(batch.said))
        squared.append(np.square(_table(batch.said) - wanted).mean(axis=1))
        low, high = min(low, float(wanted.min())), max(high, float(wanted.max()))
    return Reconstructed(np.concatenate(squared), high - low)


def _compared(walk: _Walk, samples: Samples) -> Compared:
    signal, noise, agreeing = [], [], []
    for batch in walk.batches(samples):
        before, after = _table(batch.original), _table(batch.said)
        signal.append(np.square(before).sum(axis=1))
        noise.append(np.square(before - after).sum(axis=1))
        agreeing.append(_agreement(batch.said, batch.original))
    return Compared(np.concatenate(signal), np.concatenate(noise), np.concatenate(agreeing))


def _agreement(said: Array, original: Array) -> Floats:
    """Fraction of each example's positions with the same answer, (n,): the same largest entry
    on the class axis, for whole numbers and single values the same value."""
    rank = said.ndim
    axis = 1 if rank >= 4 else rank - 1  # noqa: PLR2004 - images (n, K, H, W), else classes last
    if said.dtype.kind == "f" and rank > 1 and said.shape[axis] > 1:
        same = said.argmax(axis=axis) == original.argmax(axis=axis)
    else:
        same = said == original
    return np.asarray(same.reshape(len(said), -1).mean(axis=1))


def _class_axis(said: Array, labels: Ints) -> int:
    """The axis that `said` has and the labels lack: 1, or else the last one."""
    for axis in (1, said.ndim - 1):
        if said.ndim > 1 and said.shape[:axis] + said.shape[axis + 1 :] == labels.shape:
            return axis
    raise DataMismatch(
        f"class labels of the shape {labels.shape} do not fit outputs of the shape "
        f"{said.shape}; a classification needs one output a class",
        param="task.output",
    )


def _flat(labels: Array) -> Array:
    """Labels stored as a column, (n, 1), are (n,)."""
    return labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # noqa: PLR2004


def _table(values: Array) -> Floats:
    """(n, ...) as (n, d) in double precision."""
    return values.reshape(len(values), -1).astype(np.float64)


def _fitting(wanted: Floats, said: Floats) -> Floats:
    if wanted.shape != said.shape:
        raise DataMismatch(
            f"targets with {wanted.shape[1]} values an example do not fit outputs with "
            f"{said.shape[1]}",
            param="task.output",
        )
    return wanted
