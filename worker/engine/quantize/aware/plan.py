"""Which layers learn as integers, and which nodes the integer graph leaves in floats.

What is rounded in the file must be rounded in training. So a layer joins where a module of the
view holds its weight alone, and a sum or product with a constant stays float, as its constant
would be rounded to a byte. A MatMul hands over floats (onnxruntime's MatMulIntegerToFloat), so
that the bias that exporters add behind it stays a float as well.
"""

from collections import Counter
from collections.abc import Collection, Iterator

import onnx
from onnx import TensorProto
from torch import nn

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers
from worker.engine.quantize.aware.biases import Bias
from worker.engine.quantize.aware.weights import Weight
from worker.engine.quantize.static.region import outside
from worker.engine.quantize.static.writer import BETWEEN, WITH_WEIGHTS
from worker.engine.view import TorchView
from worker.engine.view.binding import Binding, Same, Transposed

MODULES = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
HAND_OVER_INTEGERS = ("Conv", "Gemm")
READ_WEIGHTS: dict[object, int] = {  # and the file's axis of output channels
    Same("weight"): 0,
    Transposed("weight"): 1,
}
WITH_CONSTANTS = ("Add", "Concat", "Mul")


def learning_weights(
    view: TorchView, model: onnx.ModelProto, excluded: Collection[str]
) -> list[Weight]:
    """In graph order, each once; `excluded` are names of nodes, all of which have one."""
    readers, stored = consumers(model.graph), initializers(model)
    found: dict[str, Weight] = {}
    for binding, module in _layers(view):
        name, axis = binding.initialiser, READ_WEIGHTS[binding.read]
        if (
            name in stored
            and stored[name].data_type == TensorProto.FLOAT
            and all(_multiplies(node, name, excluded) for node in readers[name])
        ):
            found[name] = Weight(name, axis, module.get_parameter("weight"))
    return list(found.values())


def learning_biases(
    view: TorchView, model: onnx.ModelProto, learning: Collection[str]
) -> list[Bias]:
    """Of the layers whose weights are `learning`, by name; a bias that several layers share
    is left as it is."""
    read = {node.output[0]: node.input[0] for node in model.graph.node if node.input}
    found = [
        Bias(module.get_parameter("bias"), binding.initialiser, read[binding.output])
        for binding, module in _layers(view)
        if binding.initialiser in learning and module.bias is not None
    ]
    counts = Counter(id(bias.parameter) for bias in found)
    return [bias for bias in found if counts[id(bias.parameter)] == 1]


def stay_float(
    model: onnx.ModelProto, weights: Collection[Weight], excluded: Collection[str]
) -> set[str]:
    """Names of the nodes that no integer kernel is to run."""
    learning = {weight.name for weight in weights}
    stored = initializers(model)
    stay = set(excluded)
    for node in model.graph.node:
        if node.op_type in WITH_WEIGHTS and node.input[1] not in learning:
            stay.add(node.name)
        if node.op_type in WITH_CONSTANTS and any(name in stored for name in node.input):
            stay.add(node.name)
    return stay.union(outside(model, HAND_OVER_INTEGERS, BETWEEN, stay))


def _layers(view: TorchView) -> Iterator[tuple[Binding, nn.Module]]:
    """Modules that hold the weight of a Conv, Gemm or MatMul, each with its binding."""
    for binding in view.bindings:
        module = view.module.get_submodule(binding.path)
        if isinstance(module, MODULES) and binding.read in READ_WEIGHTS:
            yield binding, module


def _multiplies(node: onnx.NodeProto, weight: str, excluded: Collection[str]) -> bool:
    """Whether `node` multiplies with the tensor `weight`, as it lies in the file."""
    places = [place for place, name in enumerate(node.input) if name == weight]
    return node.op_type in WITH_WEIGHTS and places == [1] and node.name not in excluded
