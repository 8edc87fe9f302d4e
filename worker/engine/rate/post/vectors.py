"""Biases and the scales and shifts of norms: vectors that lie on fine grids of their own.

They are few, so their grids are fine: 16 steps to the root mean square, finer where the
largest value is below 8 times that. A vector of fewer than 4 numbers keeps its floats.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers
from worker.engine.layerwise.site import Site
from worker.engine.rate.post.steps import coarse

PLACES: Mapping[str, tuple[int, ...]] = {
    "Conv": (2,),
    "ConvTranspose": (2,),
    "Gemm": (2,),
    "LSTM": (3,),
    "GRU": (3,),
    "RNN": (3,),
    "LayerNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "GroupNormalization": (1, 2),
    "BatchNormalization": (1, 2),
}
FEWEST = 4
STEPS_TO_RMS, STEPS_TO_LARGEST = 16, 127


def vectors(model: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the float32 vectors that have a grid, in graph order, shared ones once."""
    constants = initializers(model)
    after_matmul = set(_biases_after_matmul(model).values())
    found: dict[str, None] = {}
    for node in model.graph.node:
        places = PLACES.get(node.op_type, ())
        names = [node.input[k] for k in places if k < len(node.input)]
        if node.op_type == "Add":
            names = [name for name in node.input if name in after_matmul]
        for name in names:
            tensor = constants.get(name)
            if tensor is None or tensor.data_type != TensorProto.FLOAT:
                continue
            if int(np.prod(tensor.dims)) >= FEWEST:
                found[name] = None
    outputs = {output.name for output in model.graph.output}
    return tuple(name for name in found if name not in outputs)


def biases(model: onnx.ModelProto, sites: Sequence[Site]) -> dict[str, str]:
    """The bias that is added to what a weight makes, by the weight's name: where both are read
    once, so that the bias can make up for the weight's error in the mean."""
    constants, readers = initializers(model), consumers(model.graph)
    after_matmul = _biases_after_matmul(model)
    found = {}
    for site in sites:
        if len(site.readers) > 1 or site.form == "plain" or site.elements == 0:
            continue
        node = site.readers[0].node
        name = after_matmul.get(site.name, "")
        if node.op_type in {"Conv", "Gemm"} and len(node.input) > 2:  # noqa: PLR2004 - has a bias
            name = node.input[2]
        tensor = constants.get(name)
        if tensor is None or tensor.data_type != TensorProto.FLOAT or len(readers[name]) > 1:
            continue
        if int(np.prod(tensor.dims)) == _outputs(site) and _unscaled(node):
            found[site.name] = name
    return found


def on_fine_grid(vector: NDArray[np.float32]) -> tuple[NDArray[np.int32], float] | None:
    """Codes in its shape and the step; None for zeros, which need no grid."""
    largest = float(np.abs(vector).max(initial=0))
    if largest == 0:
        return None
    rms = float(np.sqrt(np.mean(np.square(vector.astype(np.float64)))))
    step = coarse(min(rms / STEPS_TO_RMS, largest / STEPS_TO_LARGEST))
    return np.rint(vector / np.float32(step)).astype(np.int32), step


def _biases_after_matmul(model: onnx.ModelProto) -> dict[str, str]:
    """The constant vector that the only reader of a product adds, by the product's weight."""
    constants, readers = initializers(model), consumers(model.graph)
    found = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            follow = readers.get(node.output[0], [])
            if len(follow) == 1 and follow[0].op_type == "Add":
                found.update(dict.fromkeys([node.input[1]], _vector(follow[0], constants)))
    return {weight: bias for weight, bias in found.items() if bias}


def _vector(add: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> str:
    named: Iterator[str] = (
        name for name in add.input if name in constants and len(constants[name].dims) == 1
    )
    return next(named, "")


def _outputs(site: Site) -> int:
    if site.form == "columns":
        return site.shape[1]
    return site.shape[0]


def _unscaled(node: onnx.NodeProto) -> bool:
    """Whether the node adds the bias as it is, and the weight as often as it is."""
    return all(a.f == 1.0 for a in node.attribute if a.name in {"alpha", "beta"})
