"""A float net whose activations' ranges are known, ready to be lowered with any layers left."""

from collections.abc import Collection
from dataclasses import dataclass

import onnx

from lathe.facts import LayerSpec
from lathe.techniques.quantize import QuantizeStatic
from worker.engine.checkpoint import QuantizedWeights
from worker.engine.context import Context
from worker.engine.quantize.grids import weight_grids
from worker.engine.quantize.nodes import nodes_of
from worker.engine.quantize.static.bias_correction import add_biases, correct_biases
from worker.engine.quantize.static.calibrate import Ranges
from worker.engine.quantize.static.region import outside
from worker.engine.quantize.static.writer import BETWEEN, WITH_WEIGHTS, StaticWriter
from worker.engine.quantize.tables import small_tables


@dataclass(frozen=True, slots=True)
class Lowered:
    """What became of the net: the `grids` of the layers that are integers now, by id, and how
    many biases were corrected."""

    model: onnx.ModelProto
    grids: dict[str, QuantizedWeights]
    corrected: int = 0


@dataclass(frozen=True, slots=True)
class StaticNet:
    """`model` has named nodes, and `ranges` for all that may become integers; `layers` are
    those that it had when it came."""

    model: onnx.ModelProto
    layers: tuple[LayerSpec, ...]
    ranges: Ranges
    spec: QuantizeStatic
    writer: StaticWriter
    context: Context

    def lowered(self, left: Collection[str] = ()) -> Lowered:
        """Another model, where the layers `left` stay float beside those excluded."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        floats = float_nodes(model, (*self.spec.exclude, *left))
        folder = self.context.folder
        if self.spec.correct_bias:
            add_biases(model)
        lowered = self.writer.lowered(model, folder, self.ranges, floats)
        grids = weight_grids(self.layers, lowered)
        if not self.spec.correct_bias:
            return Lowered(lowered, grids)
        corrected = correct_biases(model, lowered, grids, self.context)
        lowered = self.writer.lowered(model, folder, self.ranges, floats)
        return Lowered(lowered, grids, corrected)


def float_nodes(model: onnx.ModelProto, exclude: Collection[str]) -> set[str]:
    """Names of the nodes that stay as they are. Raises UnknownLayer as `nodes_of` does."""
    excluded = nodes_of(model, exclude)
    between = outside(model, WITH_WEIGHTS, BETWEEN, excluded)
    return {*excluded, *small_tables(model), *between}
