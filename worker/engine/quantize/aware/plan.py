"""Which layers learn as integers, and which nodes the integer graph leaves in floats.

What is rounded in the file must be rounded in training. So a layer joins where a module of the
view holds its weight alone, and a sum or product with a constant stays float, as its constant
would be rounded to a byte. A MatMul hands over floats (onnxruntime's MatMulIntegerToFloat), so
that the bias that exporters add behind it stays a float as well.
"""

from collections.abc import Collection, Iterator

import onnx
from torch import nn

from worker.engine.graph.initializers import initializers
from worker.engine.graph.uses import consumers
from worker.engine.quantize.aware.weights import Weight
from worker.engine.quantize.region import outside
from worker.engine.quantize.static_writer import BETWEEN, WITH_WEIGHTS
from worker.engine.view import TorchView
from worker.engine.view.binding import Same, Transposed

MODULES = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
HAND_OVER_INTEGERS = ("Conv", "Gemm")
WITH_CONSTANTS = ("Add", "Concat", "Mul")


def learning_weights(
    view: TorchView, model: onnx.ModelProto, excluded: Collection[str]
) -> list[Weight]:
    """In graph order, each once; `excluded` are names of nodes, all of which have one."""
    found = {weight.name: weight for weight in _held_alone(view)}
    readers = consumers(model.graph)
    stored = initializers(model)
    return [
        weight
        for name, weight in found.items()
        if name in stored and all(_multiplies(n, name, excluded) for n in readers[name])
    ]


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


def _held_alone(view: TorchView) -> Iterator[Weight]:
    for binding in view.bindings:
        module = view.module.get_submodule(binding.path)
        if not isinstance(module, MODULES):
            continue
        match binding.read:
            case Same("weight"):
                yield Weight(binding.initialiser, 0, module.get_parameter("weight"))
            case Transposed("weight"):
                yield Weight(binding.initialiser, 1, module.get_parameter("weight"))


def _multiplies(node: onnx.NodeProto, weight: str, excluded: Collection[str]) -> bool:
    """Whether `node` multiplies with the tensor `weight`, as it lies in the file."""
    places = [place for place, name in enumerate(node.input) if name == weight]
    return node.op_type in WITH_WEIGHTS and places == [1] and node.name not in excluded
