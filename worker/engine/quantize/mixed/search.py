"""Nets along a path of ever fewer bits: the first within a size, or the last within a loss."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from lathe.errors import BudgetUnreachable
from lathe.techniques.quantize import QuantizeMixed
from worker.engine.checkpoint import Checkpoint
from worker.engine.graph.initializers import initializers
from worker.engine.judge import Judge
from worker.engine.onnx_file.spill import Spill
from worker.engine.onnx_file.write import file_bytes
from worker.engine.quantize.blocks.chosen import Layer
from worker.engine.quantize.blocks.lowering import Lowering
from worker.engine.quantize.blocks.weights import floats_of
from worker.engine.quantize.mixed.trials import Choice, rounded_to


@dataclass(frozen=True, slots=True)
class Net:
    """The model at one choice."""

    choice: Choice
    model: onnx.ModelProto
    lowering: Lowering

    @property
    def size_bytes(self) -> int:
        """Of its file."""
        return file_bytes(self.model)


@dataclass(slots=True)
class Search:
    """Along `choices` for `layers`, which save ever more; `judged` counts judged nets."""

    checkpoint: Checkpoint
    spec: QuantizeMixed
    judged_by: Judge
    layers: Sequence[Layer]
    choices: Sequence[Choice]
    spill: Spill
    judged: int = 0

    def within_bytes(self, limit: int) -> tuple[Net, float]:
        """The first that fits. Names and shared constants make a file a little larger than
        what layers save alone, so neighbours are looked at."""
        low, high = 1, len(self.choices) - 1
        smallest = self._net(self.choices[high])
        if smallest.size_bytes > limit:
            raise BudgetUnreachable(
                f"with the fewest bits everywhere the file takes {smallest.size_bytes:,} "
                f"bytes, more than {limit:,}; allow fewer bits or larger blocks",
                param="max_bytes" if self.spec.max_bytes is not None else "keep_bytes",
            )
        best = smallest
        while low < high:
            middle = (low + high) // 2
            net = self._net(self.choices[middle])
            if net.size_bytes <= limit:
                best, high = net, middle
            else:
                low = middle + 1
        drop = self._drop(best)
        if self.spec.max_drop is not None and drop > self.spec.max_drop:
            raise BudgetUnreachable(
                f"the best net found within {limit:,} bytes takes {best.size_bytes:,} and "
                f"loses {drop:.5f}, more than {self.spec.max_drop:g}",
                param="max_drop",
            )
        return best, drop

    def within_drop(self) -> tuple[Net, float]:
        """The one furthest along that loses no more than it may, by halves."""
        limit = self.spec.max_drop or 0.0
        low, high = 0, len(self.choices) - 1
        best: tuple[Net, float] | None = None
        least = math.inf
        place = high  # all at the fewest bits come first
        while low < high or best is None:
            net = self._net(self.choices[place])
            drop = self._drop(net)
            least = min(least, drop)
            if drop <= limit:
                best, low = (net, drop), place
            else:
                high = place - 1
            if high == 0:
                raise BudgetUnreachable(
                    f"the least that any of the nets tried loses is {least:.5f}, more than "
                    f"{limit:g}; all layers would stay floats",
                    param="max_drop",
                )
            place = (low + high + 1) // 2
        return best

    def _net(self, choice: Choice) -> Net:
        model = self.checkpoint.private()
        tensors = initializers(model)
        lowering = Lowering(model, self.spec.arithmetic, self.spill)
        for layer, bits in zip(self.layers, choice, strict=True):
            if bits is not None:
                rows = layer.matrix(floats_of(tensors[layer.name]))
                lowering.put(layer, rows, rounded_to(layer, rows, bits, self.spec))
        lowering.finish()
        return Net(choice, model, lowering)

    def _drop(self, net: Net) -> float:
        self.judged += 1
        return self.judged_by.drop(net.model)
