"""What an evaluation keeps of every example, so that any metric can be taken of any subset.

`score(metric, rows)` is the metric over the examples `rows` (repeats allowed: that is how a
bootstrap resamples), or over all where `rows` is None. A metric that this kind of task does
not have raises KeyError.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from worker.engine.measure.metrics import (
    ClassCounts,
    Floats,
    Ints,
    class_counts,
    macro,
    pearson,
    psnr_db,
    r2,
    spearman,
    sqnr_db,
)

Rows = Ints | None


@dataclass(frozen=True)
class Classified:
    """Class ids, (n,) or dense (n, ...). Labels outside [0, classes) are left out.

    `reference` holds the class ids that the original answers; agreement is with them.
    """

    predictions: Ints
    labels: Ints
    classes: int
    reference: Ints

    @cached_property
    def correct(self) -> Floats:
        """Fraction of each example's positions that are right, (n,); NaN where none counts."""
        inside = (self.labels >= 0) & (self.labels < self.classes)
        right = (self.predictions == self.labels) & inside
        return _fraction(right, inside)

    @cached_property
    def agreeing(self) -> Floats:
        """Fraction of each example's positions that say what the reference says, (n,)."""
        same = self.predictions == self.reference
        return _fraction(same, np.ones_like(same))

    def counts(self, rows: Rows = None) -> ClassCounts:
        """Hits, predictions and support of each class."""
        predictions = self.predictions if rows is None else self.predictions[rows]
        labels = self.labels if rows is None else self.labels[rows]
        return class_counts(predictions.ravel(), labels.ravel(), self.classes)

    def score(self, metric: str, rows: Rows = None) -> float:
        """accuracy, agreement, precision_macro, recall_macro or f1_macro."""
        if (values := self.per_example(metric)) is not None:
            return _mean(values, rows)
        counts = self.counts(rows)
        per_class = {
            "precision_macro": counts.precision,
            "recall_macro": counts.recall,
            "f1_macro": counts.f1,
        }[metric]
        return macro(per_class, counts)

    def per_example(self, metric: str) -> Floats | None:
        """The values whose mean the metric is, (n,); None where it is no mean."""
        match metric:
            case "accuracy":
                return self.correct
            case "agreement":
                return self.agreeing
            case _:
                return None


@dataclass(frozen=True)
class Regressed:
    """Outputs and targets, both (n, d)."""

    outputs: Floats
    targets: Floats

    def score(self, metric: str, rows: Rows = None) -> float:
        """mse, mae or r2."""
        if (values := self.per_example(metric)) is not None:
            return _mean(values, rows)
        if metric != "r2":
            raise KeyError(metric)
        if rows is None:
            return r2(self.targets, self.outputs)
        return r2(self.targets[rows], self.outputs[rows])

    def per_example(self, metric: str) -> Floats | None:
        """The values whose mean the metric is, (n,); None where it is no mean."""
        match metric:
            case "mse":
                return self._squared
            case "mae":
                return self._absolute
            case _:
                return None

    @cached_property
    def _squared(self) -> Floats:
        return np.asarray(np.square(self.outputs - self.targets).mean(axis=1))

    @cached_property
    def _absolute(self) -> Floats:
        return np.asarray(np.abs(self.outputs - self.targets).mean(axis=1))


@dataclass(frozen=True)
class Similar:
    """Cosine similarity of each pair and the similarity people gave it, both (n,)."""

    similarities: Floats
    labels: Floats

    def score(self, metric: str, rows: Rows = None) -> float:
        """Spearman or pearson."""
        correlate = {"spearman": spearman, "pearson": pearson}[metric]
        if rows is None:
            return correlate(self.similarities, self.labels)
        return correlate(self.similarities[rows], self.labels[rows])

    def per_example(self, metric: str) -> Floats | None:
        """Neither correlation is a mean over examples."""
        del metric
        return None


@dataclass(frozen=True)
class Reconstructed:
    """Mean squared error of each example, (n,), and the targets' largest minus smallest."""

    squared: Floats
    peak: float

    def score(self, metric: str, rows: Rows = None) -> float:
        """Mse or psnr_db."""
        mse = _mean(self.squared, rows)
        return {"mse": mse, "psnr_db": psnr_db(mse, self.peak)}[metric]

    def per_example(self, metric: str) -> Floats | None:
        """The squared errors for mse; psnr_db is no mean."""
        return self.squared if metric == "mse" else None


@dataclass(frozen=True)
class Compared:
    """Against the original alone: sums of squares of its outputs and of the change, and the
    fraction of positions with the same answer; each (n,)."""

    signal: Floats
    noise: Floats
    agreeing: Floats

    def score(self, metric: str, rows: Rows = None) -> float:
        """Agreement or sqnr_db."""
        if (values := self.per_example(metric)) is not None:
            return _mean(values, rows)
        if metric != "sqnr_db":
            raise KeyError(metric)
        if rows is None:
            return sqnr_db(float(self.signal.sum()), float(self.noise.sum()))
        return sqnr_db(float(self.signal[rows].sum()), float(self.noise[rows].sum()))

    def per_example(self, metric: str) -> Floats | None:
        """The agreements; sqnr_db is no mean."""
        return self.agreeing if metric == "agreement" else None


Judgement = Classified | Regressed | Similar | Reconstructed | Compared


def _mean(values: Floats, rows: Rows) -> float:
    """Over the examples that count: NaN marks one that does not."""
    chosen = values if rows is None else values[rows]
    chosen = chosen[~np.isnan(chosen)]
    return float(chosen.mean()) if chosen.size else 0.0


def _fraction(hits: NDArray[np.bool_], of: NDArray[np.bool_]) -> Floats:
    """Per example, (n, ...) to (n,); NaN for 0 of 0."""
    axes = tuple(range(1, hits.ndim))
    top, bottom = hits.sum(axis=axes), of.sum(axis=axes)
    fraction: Floats = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
    return fraction
