"""The numbers that judge outputs, as plain functions of arrays.

Legend: n examples, K classes, x the original values, x' the compressed ones.

    precision_k = tp_k / predicted_k        recall_k = tp_k / support_k
    F1_k        = 2 tp_k / (predicted_k + support_k)
    macro       = mean over the classes that occur in labels or predictions; 0/0 counts as 0
    R2          = 1 - sum (t - y)^2 / sum (t - mean t)^2
    PSNR        = 10 log10(peak^2 / MSE), peak = max t - min t
    SQNR        = 10 log10(sum x^2 / sum (x - x')^2)
    Spearman    = Pearson's r of the ranks, equal values sharing their mean rank

Macro F1 as the mean of the classes' F1: Opitz and Burst, arXiv:1911.03347, equation 2.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_DB = (
    200.0  # stands for "exact": single precision ends near 150 dB, and JSON has no infinity
)


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """How often each class was predicted, true, and both; each (K,)."""

    hits: Ints
    predicted: Ints
    support: Ints

    @property
    def precision(self) -> Floats:
        """Of what was predicted as k, the fraction that is k; (K,)."""
        return _over(self.hits, self.predicted)

    @property
    def recall(self) -> Floats:
        """Of what is k, the fraction that was predicted as k; (K,)."""
        return _over(self.hits, self.support)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall; (K,)."""
        return _over(2 * self.hits, self.predicted + self.support)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which classes occur at all; (K,)."""
        return (self.predicted + self.support) > 0


def class_counts(predicted: Ints, labels: Ints, classes: int) -> ClassCounts:
    """Count over arrays of one shape. An example whose label is outside [0, K) is left out;
    a prediction outside it is a miss of every class."""
    inside = (labels >= 0) & (labels < classes)
    predicted, labels = predicted[inside], labels[inside]
    known = (predicted >= 0) & (predicted < classes)
    return ClassCounts(
        hits=np.bincount(labels[predicted == labels], minlength=classes),
        predicted=np.bincount(predicted[known], minlength=classes),
        support=np.bincount(labels, minlength=classes),
    )


def macro(per_class: Floats, counts: ClassCounts) -> float:
    """Mean over the classes that occur; 0 where none does."""
    seen = per_class[counts.seen]
    return float(seen.mean()) if seen.size else 0.0


def r2(targets: Floats, outputs: Floats) -> float:
    """Of (n, d) arrays, the residual and total sums taken over all d columns together, each
    column around its own mean. Constant targets give 1 for a perfect fit, else 0."""
    residual = float(np.square(targets - outputs).sum())
    total = float(np.square(targets - targets.mean(axis=0)).sum())
    if total == 0:
        return 1.0 if residual == 0 else 0.0
    return 1 - residual / total


def psnr_db(mse: float, peak: float) -> float:
    """Peak over root mean square error; 200 for an exact reconstruction, see `decibel`."""
    return decibel(peak**2, mse)


def sqnr_db(signal: float, noise: float) -> float:
    """Of two sums of squares; 200 without noise, see `decibel`."""
    return decibel(signal, noise)


def decibel(signal: float, noise: float) -> float:
    """10 log10(signal / noise), kept within +-200: no noise is 200, noise alone is -200."""
    if noise == 0:
        return MOST_DB
    if signal == 0:
        return -MOST_DB
    return min(MOST_DB, max(-MOST_DB, 10 * math.log10(signal / noise)))


def relative_norm(error: float, energy: float) -> float:
    """|x' - x| / |x| of two sums of squares; 0 where x is."""
    return math.sqrt(error / energy) if energy else 0.0


def relative_error(original: Floats, changed: Floats) -> float:
    """Squared, relative to what the original answers vary by; both (n, ...)."""
    centre = original.mean(axis=0) if len(original) > 1 else 0.0
    energy = float(np.square(original - centre).sum())
    error = float(np.square(original - changed).sum())
    return error / energy if energy else float(error > 0)


def pearson(a: Floats, b: Floats) -> float:
    """Correlation of two (n,) arrays; 0 where either is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def spearman(a: Floats, b: Floats) -> float:
    """Rank correlation of two (n,) arrays; ties share the mean of their ranks."""
    return pearson(ranks(a), ranks(b))


def ranks(values: Floats) -> Floats:
    """1 for the smallest of (n,) values; equal values get the mean of the ranks they span."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: Floats = (last - counts + 1 + last) / 2
    return shared[place]


def cosine(a: Floats, b: Floats) -> Floats:
    """Cosine similarity of the rows of two (n, d) arrays, (n,); 0 where a row is all zero."""
    norms: Floats = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    dots: Floats = np.einsum("nd,nd->n", a, b)
    return np.divide(dots, norms, out=np.zeros_like(dots), where=norms > 0)


def _over(top: Ints, bottom: Ints) -> Floats:
    return np.divide(top, bottom, out=np.zeros(top.shape), where=bottom > 0)
