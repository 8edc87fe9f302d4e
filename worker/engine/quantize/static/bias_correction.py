"""Bias correction: what rounded weights add to a layer's outputs on average, taken out again.

Nagel, van Baalen, Blankevoort and Welling, "Data-Free Quantization Through Weight Equalization
and Bias Correction", arXiv:1906.04721, section 4.2, in its empirical form:

    b' = b - (E[W' x'] - E[W x]) = b - (W' E[x'] - W E[x])

    W, W'  (groups, rows, columns)  weights and what their integers stand for
    x, x'  (columns,)               inputs, of the float net and of the net whose earlier layers
                                    are rounded and corrected already

Activations are not rounded for x': rounding to nearest hardly moves a mean, weights do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from lathe.errors import StepImpossible
from worker.engine.checkpoint import QuantizedWeights
from worker.engine.context import Context
from worker.engine.graph.initializers import initializers
from worker.engine.layerwise.calibration import as_many_as_fit, batched, unlabelled
from worker.engine.layerwise.rows import inputs_of
from worker.engine.layerwise.site import Floats, sites
from worker.engine.layerwise.stages import Stages
from worker.engine.layerwise.walk import walk
from worker.engine.onnx_file.array import array
from worker.engine.optimize.names import fresh
from worker.engine.quantize.refill import QUANTIZED, SCALE, ZERO_POINT
from worker.engine.rate.post.vectors import biases
from worker.engine.run.examples import fixed_batch_of

Doubles = NDArray[np.float64]
WITH_BIAS = ("Conv", "Gemm")
BIAS = 2  # place among a node's inputs


@dataclass
class Means:
    """Sums of a layer's inputs, of the float net and of the rounded one: (groups, columns)."""

    groups: int
    columns: int
    count: int = 0
    floats: Doubles = field(init=False)
    rounded: Doubles = field(init=False)

    def __post_init__(self) -> None:
        self.floats = np.zeros((self.groups, self.columns))
        self.rounded = np.zeros((self.groups, self.columns))

    def add(self, rows: Floats, coded: Floats) -> None:
        """Rows of both nets for the same examples, (groups, rows, columns)."""
        self.floats += rows.sum(axis=1, dtype=np.float64)
        self.rounded += coded.sum(axis=1, dtype=np.float64)
        self.count += coded.shape[1]

    def error(self, weight: Floats, rounded: Floats) -> Doubles:
        """W' E[x'] - W E[x] of weights (groups, rows, columns), (groups * rows,)."""
        after = rounded.astype(np.float64) @ self.rounded[:, :, None]
        before = weight.astype(np.float64) @ self.floats[:, :, None]
        return np.asarray((after - before).reshape(-1) / self.count)


def add_biases(model: onnx.ModelProto) -> None:
    """Give every Conv and Gemm that has none a bias of zeros, in place."""
    for site in sites(model):
        for reader in site.readers:
            node = reader.node
            if node.op_type not in WITH_BIAS or reader.place != 1 or site.form == "plain":
                continue
            if len(node.input) > BIAS and node.input[BIAS]:
                continue
            outputs = site.shape[1 if site.form == "columns" else 0]
            name = fresh(model.graph, f"{site.name}_bias")
            zeros = numpy_helper.from_array(np.zeros(outputs, np.float32), name)
            model.graph.initializer.append(zeros)
            node.input[:] = [*node.input[:BIAS], name]


def correct_biases(
    model: onnx.ModelProto,
    lowered: onnx.ModelProto,
    grids: Mapping[str, QuantizedWeights],
    context: Context,
) -> int:
    """Correct the biases of the float `model` for the weights that `lowered` rounds, in place.

    Returns how many; layers without a bias of their own keep their error. Raises
    StepImpossible without examples.
    """
    found = unlabelled(context)
    if found is None:
        raise StepImpossible("correct_bias looks at examples", param="data.calibration")
    places = [site for site in sites(model) if site.name in grids]
    tensors, stored = initializers(model), initializers(lowered)
    added = biases(model, places)
    original = {
        name: np.asarray(array(tensors[name]), np.float32)
        for name in (*(site.name for site in places), *added.values())
    }
    present = dict(original)
    seen = [site for site in places if inputs_of(site)]
    present |= {
        site.name: _rounded(stored, site.name, grids[site.name])
        for site in places
        if site not in seen
    }
    stages = Stages(model, seen, tuple(original), inputs_of, context.threads)
    batches = batched(*found, fixed_batch_of(model))
    batches = as_many_as_fit(batches, stages.kept_bytes(batches[0], original))
    for treated in walk(stages, original, present, batches, Means):
        for site, means in treated:
            present[site.name] = _rounded(stored, site.name, grids[site.name])
            if means is not None and site.name in added:
                bias = added[site.name]
                weights = (site.matrices(w[site.name]) for w in (original, present))
                present[bias] = _less(original[bias], means.error(*weights))
    for name in added.values():
        tensors[name].CopyFrom(numpy_helper.from_array(present[name], name))
    return len(added)


def _less(bias: Floats, error: Doubles) -> Floats:
    return np.asarray(bias - error.reshape(bias.shape), np.float32)


def _rounded(
    stored: Mapping[str, onnx.TensorProto], name: str, grid: QuantizedWeights
) -> Floats:
    """What the integers of a weight stand for, in its shape."""
    codes = array(stored[name + QUANTIZED]).astype(np.float32)
    along = [-1 if axis == grid.axis else 1 for axis in range(codes.ndim)]
    scale, zero = (
        array(stored[name + part]).astype(np.float32).reshape(along)
        for part in (SCALE, ZERO_POINT)
    )
    return np.asarray((codes - zero) * scale)
