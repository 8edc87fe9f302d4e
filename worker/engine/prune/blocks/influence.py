"""How much a residual block does.

    output = mean over outputs of sum (y' - y)^2 / sum y^2
    cosine = 1 - mean_t x_t . y_t / (|x_t| |y_t|)

output: y and y' are what the model answers with and without the block. It is the lesion of
Veit, Wilber and Belongie, "Residual Networks Behave Like Ensembles of Relatively Shallow
Networks", arXiv:1605.06431, section 4.1, felt by answers instead of labels.

cosine: block influence of Men et al., "ShortGPT", arXiv:2403.03853, equation 1, of the block's
input x and output y. t runs over tokens (vectors along the last axis), padding left out, and
in images over positions (vectors along axis 1).
"""

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray

from worker.engine.context import Arrays
from worker.engine.layerwise.calibration import words
from worker.engine.prune.blocks.bypass import Block
from worker.engine.prune.blocks.show import doors, showing
from worker.engine.session import open_session, run

IMAGE_RANK = 4
Vectors = NDArray[np.float64]


def answers(model: onnx.ModelProto, batches: Sequence[Arrays], threads: int) -> list[Arrays]:
    """Outputs by name, batch by batch."""
    session = open_session(model, threads=threads)
    return [run(session, batch) for batch in batches]


def change(before: Sequence[Arrays], after: Sequence[Arrays]) -> float:
    """The relative squared difference of two models' answers; infinite where one is not
    finite."""
    squares = []
    for name in before[0]:
        old = np.concatenate([batch[name].ravel() for batch in before]).astype(np.float64)
        new = np.concatenate([batch[name].ravel() for batch in after]).astype(np.float64)
        size = float(np.square(old).sum()) or 1.0
        squares.append(float(np.square(new - old).sum()) / size)
    found = float(np.mean(squares))
    return found if np.isfinite(found) else float("inf")


def influences(
    model: onnx.ModelProto, blocks: Sequence[Block], batches: Sequence[Arrays], threads: int
) -> list[float]:
    """The block influence of each block, all from one run."""
    session = showing(model, blocks, threads)
    pairs = doors(model, blocks)
    cosines: list[list[Vectors]] = [[] for _ in blocks]
    for batch in batches:
        values = batch | run(session, batch)
        for found, (x, y) in zip(cosines, pairs, strict=True):
            found.append(_cosines(values[x], values[y], words(batch)))
    return [1 - float(np.concatenate(found).mean()) for found in cosines]


def _cosines(
    x: NDArray[np.generic], y: NDArray[np.generic], mask: NDArray[np.bool_] | None
) -> Vectors:
    """Of each pair of vectors; two that are zero are equal."""
    a, b = _vectors(x, mask), _vectors(y, mask)
    sizes = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    products = np.einsum("tc,tc->t", a, b)
    equal = (a == b).all(axis=1)
    cosines: Vectors = np.divide(products, sizes, out=1.0 * equal, where=sizes > 0)
    return cosines


def _vectors(values: NDArray[np.generic], mask: NDArray[np.bool_] | None) -> Vectors:
    """(t, channels)."""
    rows = values.astype(np.float64)
    if rows.ndim >= IMAGE_RANK:
        rows = np.moveaxis(rows, 1, -1)
    if mask is not None and rows.shape[:-1] == mask.shape:
        rows = rows[mask]
    return rows.reshape(-1, rows.shape[-1])
