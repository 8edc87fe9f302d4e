"""The integer graph: onnxruntime's QDQ form, on the grids that training begins or ends with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import QuantFormat, QuantType

from worker.engine.graph.initializers import initializers
from worker.engine.onnx_file.array import array
from worker.engine.quantize.aware.activations import Grid
from worker.engine.quantize.aware.weights import SteppedWeight
from worker.engine.quantize.rewritten import rewritten
from worker.engine.quantize.static.calibrate import Ranges
from worker.engine.quantize.static.writer import BETWEEN, WITH_WEIGHTS
from worker.engine.quantize.static.written import Form, write_quantized

OPERATORS = (*WITH_WEIGHTS, *BETWEEN)
SCALE, OUTPUT = "_scale", "_QuantizeLinear_Output"  # onnxruntime's names
BOUNDED = "Clip"

Overrides = dict[str, list[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Lowering:
    """How a float model becomes integers: `floats` names the nodes that do not."""

    ranges: Ranges
    floats: frozenset[str]
    folder: Path
    overrides: Overrides = field(default_factory=dict)

    def of(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """A new model in the QDQ form, biases in int32; `model` is not changed."""
        form = Form(
            QuantType.QUInt8,
            QuantType.QInt8,
            QuantFormat.QDQ,
            per_channel=True,
            options={
                "ActivationSymmetric": False,
                "WeightSymmetric": True,
                "OpTypesToExcludeOutputQuantization": ["MatMul"],
                "TensorQuantOverrides": self.overrides,
            },
        )

        def write(source: Path, target: Path) -> None:
            write_quantized(source, target, self.ranges, form, OPERATORS, self.floats)

        return rewritten(model, self.folder, write, OPERATORS)


@dataclass(frozen=True, slots=True)
class Rounding:
    """Where a lowered graph rounds activations: `places` maps each tensor to the name of its
    grid in `grids`. A tensor whose values were only moved has the grid of where they were."""

    places: Mapping[str, str]
    grids: Mapping[str, Grid]


def rounding(model: onnx.ModelProto, lowered: onnx.ModelProto) -> Rounding:
    """What became of the activations of `model`.

    The bytes that a Clip leads to take its place in the lowered graph, so their range is fixed:
    a wider one would let more pass. A Relu's begins at zero and has no offset to learn.
    """
    tensors = initializers(lowered)
    left = {node.name for node in lowered.graph.node}
    bounded = {
        node.output[0]
        for node in model.graph.node
        if node.op_type == BOUNDED and node.name not in left
    }
    places, grids = {}, {}
    for node in lowered.graph.node:
        if node.op_type != "QuantizeLinear":
            continue
        tensor = node.output[0].removesuffix(OUTPUT)
        name = node.input[1].removesuffix(SCALE)
        step, zero = (array(tensors[name]).item() for name in node.input[1:3])
        places[tensor] = name
        grids[name] = Grid(float(step), int(zero), fixed=name in bounded)
    return Rounding(places, grids)


def overrides(weights: Iterable[SteppedWeight], grids: Mapping[str, Grid]) -> Overrides:
    """What makes the quantizer take these grids; all numbers as it computes with them."""
    zero = np.array(0, np.int8)
    found: Overrides = {
        each.weight.name: [
            {"axis": each.weight.axis, "scale": step, "zero_point": zero}
            for step in each.steps.cpu().numpy()
        ]
        for each in weights
    }
    for name, grid in grids.items():
        step, shift = np.array(grid.step, np.float32), np.array(grid.zero, np.uint8)
        found[name] = [{"scale": step, "zero_point": shift}]
    return found
