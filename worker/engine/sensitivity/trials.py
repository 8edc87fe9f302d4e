"""One weight at a time changed in a model: what that loses, and what it would save."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx

from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.onnx_file.rewrite import rewrite
from worker.engine.onnx_file.spill import Spill
from worker.engine.quantize.blocks.chosen import Layer
from worker.engine.quantize.blocks.grid import Floats, Quantized
from worker.engine.quantize.blocks.lowering import Lowering

Loss = Callable[[onnx.ModelProto], float]


@dataclass(frozen=True, slots=True)
class Trial:
    """`loss` of the whole model, `bytes_saved` of the ONNX file, of one change alone."""

    loss: float
    bytes_saved: int


class Trials:
    """Changes weights of `model`, a private copy, and puts each back."""

    def __init__(self, model: onnx.ModelProto, loss: Loss, spill: Spill) -> None:
        self._model, self._loss, self._spill = model, loss, spill
        self._tensors = initializers(model)

    def rows(self, layer: Layer) -> Floats:
        """The weight as (rows, columns), all groups below each other."""
        return layer.matrix(np.asarray(array(self._tensors[layer.name]), np.float32))

    def as_integers(self, layer: Layer, quantized: Quantized) -> Trial | None:
        """Of integers in the place of a weight; None where they would take more bytes."""
        lowering = Lowering(self._model, "float", self._spill)
        lowering.put(layer, self.rows(layer), quantized)
        if not lowering.done:
            return None
        (done,) = lowering.done
        loss = self.loss_with(layer, quantized.values)
        return Trial(loss, done.bytes_before - done.bytes_after)

    def loss_with(self, layer: Layer, rows: Floats) -> float:
        """Of other weights (rows, columns) in one layer."""
        site, tensor = layer.site, self._tensors[layer.name]
        before = onnx.TensorProto()
        before.CopyFrom(tensor)
        values = site.tensor(rows.reshape(site.groups, -1, layer.columns))
        rewrite(tensor, (values.reshape(-1),), self._spill)
        found = self._loss(self._model)
        tensor.CopyFrom(before)
        return found
