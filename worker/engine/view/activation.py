"""Activations: modules where torch has one, so that hooks find them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from worker.engine.view.binding import WithAxes
from worker.engine.view.builder import Builder
from worker.engine.view.op import Op

MODULES: dict[str, Callable[[Op], nn.Module]] = {
    "Relu": lambda _: nn.ReLU(),
    "Sigmoid": lambda _: nn.Sigmoid(),
    "Tanh": lambda _: nn.Tanh(),
    "HardSwish": lambda _: nn.Hardswish(),
    "Mish": lambda _: nn.Mish(),
    "Softsign": lambda _: nn.Softsign(),
    "Softplus": lambda _: nn.Softplus(),
    "Gelu": lambda op: nn.GELU(op.text("approximate", "none")),
    "LeakyRelu": lambda op: nn.LeakyReLU(op.number("alpha", 0.01)),
    "Elu": lambda op: nn.ELU(op.number("alpha", 1.0)),
    "Celu": lambda op: nn.CELU(op.number("alpha", 1.0)),
    "ThresholdedRelu": lambda op: nn.Threshold(op.number("alpha", 1.0), 0.0),
    "Softmax": lambda op: nn.Softmax(op.integer("axis", -1)),
    "LogSoftmax": lambda op: nn.LogSoftmax(op.integer("axis", -1)),
}


def activation(build: Builder, op: Op) -> None:
    """One of MODULES."""
    module = MODULES[op.kind](op)
    build.put(op.outputs[0], build.module(op, module, build.tensor(op.inputs[0])))


def hard_sigmoid(x: Tensor, alpha: float, beta: float) -> Tensor:
    """max(0, min(1, alpha x + beta))."""
    return torch.clamp(alpha * x + beta, 0, 1)


def selu(x: Tensor, alpha: float, gamma: float) -> Tensor:
    """Gamma x above zero, gamma alpha (exp(x) - 1) below."""
    return gamma * functional.elu(x, alpha)


def swish(x: Tensor, alpha: float) -> Tensor:
    """X sigmoid(alpha x)."""
    return x * torch.sigmoid(alpha * x)


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """X above zero, slope x below; the slope broadcasts."""
    return torch.where(x >= 0, x, x * slope)


def hardmax(x: Tensor, axis: int) -> Tensor:
    """1 at the first maximum along `axis`, else 0."""
    places = x.argmax(axis, keepdim=True)
    return torch.zeros_like(x).scatter(axis, places, 1)


def hardmax_form(build: Builder, op: Op) -> None:
    """No gradient goes through it."""
    x = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.call(hardmax, x, op.integer("axis", -1)))


def hard_sigmoid_form(build: Builder, op: Op) -> None:
    """ONNX's defaults are not torch's."""
    alpha, beta = op.number("alpha", 0.2), op.number("beta", 0.5)
    build.put(op.outputs[0], build.call(hard_sigmoid, build.tensor(op.inputs[0]), alpha, beta))


def selu_form(build: Builder, op: Op) -> None:
    """Constants of Klambauer et al. 2017, as ONNX writes them."""
    alpha = op.number("alpha", 1.67326319217681884765625)
    gamma = op.number("gamma", 1.05070102214813232421875)
    build.put(op.outputs[0], build.call(selu, build.tensor(op.inputs[0]), alpha, gamma))


def swish_form(build: Builder, op: Op) -> None:
    """Opset 24."""
    x = build.tensor(op.inputs[0])
    build.put(op.outputs[0], build.call(swish, x, op.number("alpha", 1.0)))


def prelu_form(build: Builder, op: Op) -> None:
    """One slope a channel, (C, 1, ..., 1) in the file, makes a PReLU."""
    x, slope = op.inputs
    rank, shape = build.source.rank(x), build.source.shapes.get(slope, ())
    per_channel = rank is not None and len(shape) == rank - 1 and set(shape[1:]) <= {1}
    if not build.weights(slope) or not per_channel:
        build.put(op.outputs[0], build.call(prelu, build.tensor(x), build.tensor(slope)))
        return
    array = build.known(slope)
    module = nn.PReLU(array.size)
    module.weight = build.shaped(slope, array.reshape(-1))
    bound = [(op, 1, WithAxes("weight", after=array.ndim - 1))]
    build.put(op.outputs[0], build.layer(op, module, [build.tensor(x)], bound))


FORMS = dict.fromkeys(MODULES, activation) | {
    "HardSigmoid": hard_sigmoid_form,
    "Selu": selu_form,
    "Swish": swish_form,
    "PRelu": prelu_form,
    "Hardmax": hardmax_form,
}
